"""Writes every kind of letter in both languages as pages, to be looked at: `python -m tests.delivery.letters.look FOLDER`."""

import sys
from dataclasses import replace
from pathlib import Path

from delivery.letters.compose import LOCALES, Envelope
from delivery.letters.kinds import kinds
from tests.delivery.letters.test_compose import WITH_TEXTS, envelope_of, sent, text_of


def main(folder: Path) -> None:
    """Write `KIND-LOCALE.html` and `.txt` of each; a letter of a list has the link that leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (kind, _) in kinds().items():
        way_off = "https://ailo.example/unsubscribe/qV0e3rKZ2c1nJxT8mYb4dGf7hLpQwSuA" if kind.list_name else None
        for locale in LOCALES:
            _write(folder / f"{name}-{locale}", replace(envelope_of(name, locale), unsubscribe=way_off))
            if name in {"reply", "digest"}:
                values = {**envelope_of(name).values, **WITH_TEXTS}
                _write(folder / f"{name}-texts-{locale}", replace(envelope_of(name, locale), values=values))


def _write(place: Path, envelope: Envelope) -> None:
    message = sent(envelope)
    place.with_suffix(".html").write_text(text_of(message, "html"), "utf-8")
    place.with_suffix(".txt").write_text(text_of(message), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
