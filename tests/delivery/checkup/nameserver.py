"""A real name server for the tests, on the loopback: it answers from a few records, and can be silent."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast

from dns import flags, message, rcode, rdataclass, rdatatype, rrset
from dns.name import Name

Zone = Mapping[tuple[str, str], Sequence[str]]
"""Records by name and type, as a zone file has them."""


class _NameServer(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone, *, answers: bool) -> None:
        self._zone, self._answers = zone, answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._answers:
            self._transport.sendto(self._answer(message.from_wire(data)).to_wire(), addr)

    def _answer(self, asked: message.Message) -> message.Message:
        answer = message.make_response(asked)
        answer.flags |= flags.RA | flags.AA
        (question,) = asked.question
        name, kind = _plain(question.name), rdatatype.to_text(question.rdtype)
        if records := self._zone.get((name, kind)):
            answer.answer.append(rrset.from_text_list(question.name, 60, rdataclass.IN, question.rdtype, records))
        elif not any(known == name for known, _ in self._zone):
            answer.set_rcode(rcode.NXDOMAIN)
        return answer


def _plain(name: Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


@asynccontextmanager
async def naming(zone: Zone, *, answers: bool = True) -> AsyncIterator[tuple[str, int]]:
    """Answer from these records while this lasts; gives the address and port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _NameServer(zone, answers=answers), ("127.0.0.1", 0))
    try:
        host, port = transport.get_extra_info("sockname")
        yield host, port
    finally:
        transport.close()
