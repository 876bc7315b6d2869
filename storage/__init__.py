"""What is kept, and how it is encrypted. Knows nothing of chat or delivery."""
