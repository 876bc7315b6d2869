"""What the attacks share: one running service with people of each test's own, and open rooms without a server."""

from tests.chat.conftest import cast, furnished, rooms
from tests.flows.conftest import service, visit

__all__ = ["cast", "furnished", "rooms", "service", "visit"]
