"""A command starts without what only other commands need."""

import subprocess
import sys

from tests.flows.service import ROOT

UNNEEDED = ("chat.serve", "chat.demo", "chat.client.talk", "websockets", "uvloop", "prometheus_client")
LOADED = f"""
import gc, sys, chat.__main__
print(*(name for name in {UNNEEDED} if name in sys.modules), gc.isenabled(), gc.get_freeze_count() > 0)
"""


def test_a_command_loads_neither_the_service_nor_the_example() -> None:
    found = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "True True\n"
