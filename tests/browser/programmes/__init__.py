"""The dashboard and what belongs to it, in a browser."""
