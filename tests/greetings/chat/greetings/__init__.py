"""What somebody of the staff says to whoever comes."""
