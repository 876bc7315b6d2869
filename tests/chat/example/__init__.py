"""Tests of `chat/example`."""
