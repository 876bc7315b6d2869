"""Tests of `chat/programmes`."""
