"""Conversations, in browsers."""
