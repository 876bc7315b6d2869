"""Tests of `chat/framed`."""
