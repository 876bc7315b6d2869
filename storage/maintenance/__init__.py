"""What is done to a whole installation: backup, check, expiry."""
