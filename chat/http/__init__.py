"""What is read from a request, and what every response carries."""
