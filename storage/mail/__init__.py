"""Rows of what delivery owes and sends: unread notices and letters."""
