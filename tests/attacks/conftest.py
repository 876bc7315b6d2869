"""What the attacks share: one running service with people of each test's own, and an open Ailo without a server."""

from tests.chat.conftest import ailo, cast, furnished
from tests.flows.conftest import service, visit

__all__ = ["ailo", "cast", "furnished", "service", "visit"]
