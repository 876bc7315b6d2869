"""The client side: `ailo chat`, and the client that tests the server."""
