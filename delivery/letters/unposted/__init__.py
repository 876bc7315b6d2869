"""What is said to somebody whose answer by e-mail was not posted, or not all of it."""
