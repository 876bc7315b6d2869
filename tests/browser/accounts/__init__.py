"""One's own account, in a browser."""
