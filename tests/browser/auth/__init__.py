"""Signing in, in a browser."""
