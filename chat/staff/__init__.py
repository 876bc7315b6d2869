"""The tools of those who answer: practices, notes, canned replies, the overview."""
