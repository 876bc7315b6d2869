"""Attacks on files, and by those who have copies of them."""
