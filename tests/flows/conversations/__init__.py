"""Threads over real sockets."""
