"""What those who answer have: practices, notes, canned replies, the overview."""
