"""Tests of `chat/mail`."""
