"""Ailo, the live side: web pages, JSON routes, WebSocket, conversations, accounts and the `ailo` command."""

__version__ = "0.1.0"
