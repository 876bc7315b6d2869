"""Rows of accounts, their preferences and their sessions."""
