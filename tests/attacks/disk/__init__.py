"""Attacks on files, and by whoever has copies of them."""
