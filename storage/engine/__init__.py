"""The database itself: its contract, SQLite, its schema and the lock. Knows no table's meaning."""
