"""Rows of the staff who answer: practices, notes, canned replies."""
