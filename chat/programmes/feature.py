"""The programmes card."""

from chat.core import Core, Feature
from chat.programmes.commands import COMMANDS
from chat.programmes.programmes import Programmes


class ProgrammesCard(Feature):
    """Importing programmes, and following them."""

    commands = COMMANDS

    def __init__(self, core: Core) -> None:
        self.core = core
        self.programmes = Programmes(core.store)
