"""What the attacks share: a running service."""

from tests.flows.conftest import service, visit

__all__ = ["service", "visit"]
