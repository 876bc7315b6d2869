"""`ailo demo`: serves a filled example, on this machine only. A composition root: only it shows the letters on a page."""

import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace

import uvloop
from aiohttp import web

from chat import logs
from chat.ailo import Ailo
from chat.example.cast import Figure, figures
from chat.example.mailbox_page import add_mailbox
from chat.example.making import make_ready
from chat.serve import Settings, announce, read_settings, serve
from delivery.shipped import shipped_programmes
from delivery.transports.mailbox import letters_in

NOTIFY_AFTER = "10"  # seconds: one wants to see the e-mail arrive


def main(environ: Mapping[str, str]) -> int:
    """Make the example if it does not exist yet, and serve it until a signal; return the exit code."""
    settings = read_settings(_defaults(environ))
    if settings is None:
        return 1
    if not settings.chat.is_loopback:
        print("ailo: the example has known passwords and is served on 127.0.0.1 only: unset AILO_HOST.", file=sys.stderr)
        return 1
    # Invented people have no mailbox: their letters stay here, whatever relay is set.
    return uvloop.run(_run(replace(settings, delivery=replace(settings.delivery, relay=None))))


def _defaults(environ: Mapping[str, str]) -> dict[str, str]:
    values = {**environ}
    if not (values.get("AILO_NOTIFY_AFTER") or values.get("AILO_NOTIFY_AFTER_FILE")):
        values["AILO_NOTIFY_AFTER"] = NOTIFY_AFTER
    if values.get("AILO_PORT") == "0":
        values["AILO_PORT"] = str(_free_port())
    return values


def _free_port() -> int:
    """A free port, chosen before listening on it: the address is printed first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def _run(settings: Settings) -> int:
    if not settings.storage.database.exists():
        announce("Creating the example…")
    try:
        await make_ready(settings.storage, shipped_programmes())
    except OSError as error:
        print(f"ailo: the example cannot be stored in {settings.storage.data}: {error.strerror}.", file=sys.stderr)
        return 1
    logs.set_up()  # only now: what happens while the example is made concerns nobody

    async def tell(_: Ailo) -> None:
        announce(_how_to_sign_in(settings))

    return await serve(settings, extra=_add_mailbox, prepare=tell)


def _add_mailbox(app: web.Application, settings: Settings) -> None:
    add_mailbox(app, lambda: letters_in(settings.delivery.maildir))


def _how_to_sign_in(settings: Settings) -> str:
    origin, grace = settings.chat.origin, settings.storage.notify_after_ms // 1000
    return "\n".join([
        "",
        f"An example of Ailo, with invented people:  {origin}/",
        "",
        *_rows(figures().values()),
        "",
        f"Write to somebody who is away: {grace} seconds later, their e-mail appears on  {origin}/mailbox",
        "To be two people at once, use two browsers or a private window.",
        "",
    ])  # fmt: skip


def _rows(people: Iterable[Figure]) -> list[str]:
    return [f"  {one.first_name:<14} {one.role:<14} {one.email:<28} {one.password}" for one in people]
