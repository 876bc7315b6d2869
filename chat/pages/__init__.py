"""What the browser loads, and the words in both languages."""
