"""One's own account: making it, its keys, sessions and preferences."""
