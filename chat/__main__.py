"""`python -m chat` is `ailo`."""

from chat.cli import main

main()
