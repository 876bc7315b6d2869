"""Tests of `chat/conversations`."""
