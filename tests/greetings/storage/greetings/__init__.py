"""Rows of greetings."""
