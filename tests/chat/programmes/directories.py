"""Programmes as authors write them: directories with files, whole until a test spoils one."""

from pathlib import Path

ABOUT = """name = "souffler"
title = {fr = "Souffler", en = "Breathe"}
audience = "everybody"
"""


USUAL = ("day = 0", 'hour = "09:00"')


def header(title: str, *lines: str) -> str:
    return "\n".join(("+++", f'title = "{title}"', *lines, "+++"))


def lesson(title: str, *lines: str, text: str = "Bonjour.") -> str:
    """A file of a lesson, on day 0 at nine unless told otherwise."""
    return f"{header(title, *(lines or USUAL))}\n\n{text}\n"


def files(**more: str) -> dict[str, str]:
    """A programme of two lessons, by file name."""
    second = ("day = 7", 'hour = "09:00"')
    return {
        "programme.toml": ABOUT,
        "01-respirer.fr.md": lesson("Respirer"),
        "01-respirer.en.md": lesson("Breathing"),
        "02-marcher.fr.md": lesson("Marcher", *second),
        "02-marcher.en.md": lesson("Walking", *second),
        **more,
    }


def written(folder: Path, content: dict[str, str]) -> Path:
    """Write the files into a new directory."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in content.items():
        (folder / name).write_text(text, "utf-8")
    return folder
