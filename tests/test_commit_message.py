"""The check of commit messages that `./dev commit-msg` makes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.commit_message import faults

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("message", "changed", "said"),
    [
        ("Add a table of greetings\n", 3, None),
        ("Add a table of greetings\n\nWhoever comes is greeted.\n# a comment of git's\n", 9, None),
        ("Merge the branch of somebody else, whose subject is as long as git makes it\n", 90, None),
        ("", 1, "first line"),
        ("Add " + "x" * 60, 1, "64 characters: at most 60"),
        ("add a table", 1, "capital letter"),
        ("Add a table.", 1, "full stop"),
        ("Add a table\nof greetings", 1, "second line empty"),
        ("Add a table", 4, "changes 4 files: say why"),
        ("Add a table\n\n" + "x" * 77, 4, "longer than 76"),
    ],
)
def test_what_is_wrong_is_said(message: str, changed: int, said: str | None) -> None:
    found = faults(message, changed)
    assert (found == []) if said is None else any(said in sentence for sentence in found)


def test_dev_refuses_a_message(tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_text("add a table.")
    done = subprocess.run(
        [sys.executable, "-m", "tests.commit_message", file], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("commit message: ") == 2
