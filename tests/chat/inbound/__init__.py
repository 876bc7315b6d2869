"""Tests of `chat/inbound`."""
