"""Fixtures of the attacks: one running service where each test has people of its own, and an open Ailo without a server."""

from tests.chat.conftest import ailo, cast, furnished
from tests.flows.conftest import service, visit

__all__ = ["ailo", "cast", "furnished", "service", "visit"]
