"""The median time that a test of each kind may take, and which tests exceed it: a report at the end of a run, never a failure.

Only a test's own cost counts: its call, and the fixtures made for it alone. A machine under load is slow, so the times only
show where to look; `./dev bench` measures what must be fast.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest

MOST_SHOWN = 10
SHARED = "seconds shared with other tests"


@dataclass(frozen=True)
class Kind:
    """Tests of similar cost: how many seconds one may take, and the folders where they are."""

    name: str
    budget: float
    folders: tuple[str, ...] = ()


BROWSER = Kind("browser", 3, ("tests/browser/",))
FLOW = Kind(
    "flow", 1, ("tests/flows/", "tests/attacks/", "tests/chaos/", "tests/load/", "tests/greetings/")
)  # Those that start processes of their own.
RULE = Kind("rule", 0.05)  # Everything else: in the test's own process.


def kind_of(test: str) -> Kind:
    """The kind of a test, by its id or its file."""
    return next((kind for kind in (BROWSER, FLOW) if test.startswith(kind.folders)), RULE)


class Budgets:
    """Times the tests of a run. What several of them share is timed where it is made: in a worker, if there are workers."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._shared = 0.0  # Spent so far by the test that is being set up.

    def pytest_runtest_setup(self) -> None:
        self._shared = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        started = time.perf_counter()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                self._shared += time.perf_counter() - started

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        if call.when == "setup":
            item.user_properties.append((SHARED, self._shared))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "setup":
            shared = dict(report.user_properties).get(SHARED)
            assert isinstance(shared, float)
            self._seconds[report.nodeid] += report.duration - shared
        elif report.when == "call":
            self._seconds[report.nodeid] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("budgets")
        for kind in (RULE, FLOW, BROWSER):
            for line in self.lines(kind):
                terminalreporter.write_line(line)

    def lines(self, kind: Kind) -> list[str]:
        """A kind's median, and the slowest of the tests that exceed its budget."""
        times = {test: seconds for test, seconds in self._seconds.items() if kind_of(test) is kind}
        if not times:
            return []
        above = sorted(((seconds, test) for test, seconds in times.items() if seconds > kind.budget), reverse=True)
        median = statistics.median(times.values())
        head = f"a {kind.name}: {median:.3f} s in the median, may take {kind.budget} s; {len(above)} of {len(times)} take more"
        return [head, *(f"  {seconds:6.2f} s  {test}" for seconds, test in above[:MOST_SHOWN])]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Budgets())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where workers share the files, run those that may take longest first: no core idles at the end, waiting for a long one."""
    if hasattr(config, "workerinput"):
        may_take: defaultdict[str, float] = defaultdict(float)
        for item in items:
            may_take[file_of(item)] += kind_of(item.nodeid).budget
        items.sort(key=lambda item: -may_take[file_of(item)])


def file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
