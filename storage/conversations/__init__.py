"""Rows of threads: rosters and their chain, messages and their links, the group commit."""
