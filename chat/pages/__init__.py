"""The files that the browser loads, and the texts in both languages."""
