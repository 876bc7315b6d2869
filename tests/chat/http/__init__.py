"""Tests of `chat/http`."""
