"""Rows of those who answer: practices, notes, canned replies."""
