"""Tests of `chat/auth/passwords`."""
