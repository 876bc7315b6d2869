"""Whole ways through a running service, over real sockets."""
