"""Signing in and out, and requests without a session."""
