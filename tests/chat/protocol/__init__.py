"""Tests of `chat/protocol`."""
