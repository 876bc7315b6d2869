"""End-to-end flows through a running service, over real sockets."""
