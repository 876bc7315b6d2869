"""Signing in and out, and requests from nobody."""
