"""The report on budgets counts only a test's own cost, and names the slowest."""

from typing import Literal

import pytest

from tests.budgets import BROWSER, FLOW, MOST_SHOWN, RULE, SHARED, Budgets, kind_of


def report(test: str, when: Literal["setup", "call", "teardown"], seconds: float, shared: float = 0.0) -> pytest.TestReport:
    return pytest.TestReport(test, (test, 0, ""), {}, "passed", None, when, duration=seconds, user_properties=[(SHARED, shared)])


def test_a_kind_is_told_by_the_folder() -> None:
    kinds = {"tests/browser/pages/test_a.py": BROWSER, "tests/attacks/disk/test_b.py": FLOW, "tests/test_c.py": RULE}
    assert {file: kind_of(f"{file}::test_it") for file in kinds} == kinds


def test_what_is_shared_counts_for_nobody() -> None:
    budgets = Budgets()
    budgets.pytest_runtest_logreport(report("tests/flows/a", "setup", 5.25, shared=5.0))
    budgets.pytest_runtest_logreport(report("tests/flows/a", "call", 0.5))
    budgets.pytest_runtest_logreport(report("tests/flows/a", "teardown", 9.0))
    assert budgets.lines(FLOW) == ["a flow: 0.750 s in the median, may take 1 s; 0 of 1 take more"]
    assert budgets.lines(BROWSER) == []


def test_the_slowest_above_the_budget_are_named() -> None:
    budgets = Budgets()
    for number in range(20):
        budgets.pytest_runtest_logreport(report(f"tests/storage/{number}", "call", number / 100))
    head, *named = budgets.lines(RULE)
    assert head == "a rule: 0.095 s in the median, may take 0.05 s; 14 of 20 take more"
    assert len(named) == MOST_SHOWN
    assert named[0] == "    0.19 s  tests/storage/19"
