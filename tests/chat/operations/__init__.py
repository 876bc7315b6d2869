"""Tests of `chat/operations`."""
