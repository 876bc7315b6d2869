"""`ailo demo`: a filled example."""

from collections.abc import Mapping


def main(environ: Mapping[str, str]) -> int:
    return 1 if environ else 0
