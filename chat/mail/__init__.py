"""The outbox as its administrator sees it."""
