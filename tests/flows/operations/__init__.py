"""Running, stopping, killing and watching a service."""
