"""Tests of `chat/accounts`."""
