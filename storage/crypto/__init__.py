"""Every key and cipher. Knows no table."""
