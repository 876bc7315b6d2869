"""The other side of the wire: `ailo chat`, and the client that checks the server."""
