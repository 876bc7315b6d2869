"""Attacks over HTTP and WebSocket."""
