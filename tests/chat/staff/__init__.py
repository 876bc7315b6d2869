"""Tests of `chat/staff`."""
