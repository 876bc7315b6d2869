"""Tests of `chat/auth`."""
