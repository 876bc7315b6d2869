"""Browser tests of the outbox as its administrator sees it."""
