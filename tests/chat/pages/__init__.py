"""Tests of `chat/pages`."""
