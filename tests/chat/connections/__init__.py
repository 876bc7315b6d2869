"""Tests of `chat/connections`."""
