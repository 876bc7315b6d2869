"""Tests of `chat/encouragements`."""
