"""Rows of what delivery owes and sends: announcements of unread messages, and letters."""
