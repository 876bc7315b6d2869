"""Terminal input and output: printable text, and written for certain, or the command fails."""
