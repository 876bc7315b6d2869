"""Threads: posting, reading, resuming, searching, and who takes part."""
