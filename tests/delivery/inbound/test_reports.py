"""Delivery reports as servers write them: which failure they tell of, and of whom."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.inbound import parts
from delivery.inbound.reports import MOST_RECIPIENTS, Report, report_in

LEA = "lea@ailo.test"


def report(groups: str, *, kind: str = "delivery-status", encoding: str = "", returned: str = "", boundary: str = "b/1") -> bytes:
    """A report with these groups of fields, below a sentence for people; with a message that is returned, if any."""
    parts = [
        "Content-Type: text/plain; charset=us-ascii\r\n\r\nThis is the mail system. Your message could not be delivered.",
        f"Content-Type: message/{kind}\r\n{encoding}\r\n{groups}",
        *([f"Content-Type: message/rfc822\r\n\r\n{returned}"] if returned else []),
    ]
    body = "".join(f"\r\n--{boundary}\r\n{part}" for part in parts)
    return (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.ailo.test (Mail Delivery System)\r\nSubject: Undelivered Mail\r\n"
        f'Content-Type: multipart/report; report-type={kind};\r\n\tboundary="{boundary}"\r\nMIME-Version: 1.0\r\n'
        f"{body}\r\n--{boundary}--\r\n"
    ).encode()


POSTFIX = (
    "Reporting-MTA: dns; mx.ailo.test\r\nX-Postfix-Queue-ID: 4Yz1x23sWz\r\nX-Postfix-Sender: rfc822; b.x@reply.ailo.test\r\n"
    "Arrival-Date: Mon, 30 Nov 2026 09:12:33 +0100 (CET)\r\n\r\n"
    f"Final-Recipient: rfc822; {LEA}\r\nOriginal-Recipient: rfc822;{LEA}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    "Remote-MTA: dns; smtp-in.ailo.test\r\nDiagnostic-Code: smtp; 550 5.1.1 <lea@ailo.test>: Recipient address rejected:\r\n"
    "    User unknown in virtual mailbox table\r\n"
)
EXCHANGE = (
    "Reporting-MTA: dns;PR0P264MB1234.FRAP264.PROD.OUTLOOK.COM\r\nReceived-From-MTA: dns;mx.ailo.test\r\n"
    "Arrival-Date: Mon, 30 Nov 2026 08:12:33 +0000\r\n\r\nFinal-Recipient: rfc822;lea@ailo.test\r\nAction: failed\r\n"
    "Status: 5.1.10\r\nDiagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP lookup\r\n"
)
GOOGLE = (
    "Reporting-MTA: dns; googlemail.com\r\nReceived-From-MTA: dns; b.x@reply.ailo.test\r\n"
    "Arrival-Date: Mon, 30 Nov 2026 00:12:33 -0800 (PST)\r\nX-Original-Message-ID: <1@ailo.test>\r\n\r\n"
    "Final-Recipient: rfc822; lea@ailo.test\r\nAction: failed\r\nStatus: 5.2.2\r\n"
    "Remote-MTA: dns; gmail-smtp-in.l.google.com. (64.233.160.27, the server for the domain ailo.test.)\r\n"
    "Diagnostic-Code: smtp; 552-5.2.2 The recipient's inbox is out of storage space.\r\n"
)
SENDMAIL = (
    "Reporting-MTA: dns; mail.ailo.test\r\nReceived-From-MTA: DNS; mx.ailo.test\r\n\r\n"
    "Final-Recipient: RFC822; lea@ailo.test\r\nAction: failed\r\nStatus: 5.1.1 (bad destination mailbox address)\r\n"
)
ALIAS = (
    "Reporting-MTA: dns; mx.ailo.test\r\n\r\n"
    f"Original-Recipient: rfc822;{LEA}\r\nFinal-Recipient: rfc822;lea.martin@elsewhere.example\r\n"
    "Action: failed\r\nStatus: 5.1.1\r\n"
)
DELAYED = f"Reporting-MTA: dns; mx.ailo.test\r\n\r\nFinal-Recipient: rfc822; {LEA}\r\nAction: delayed\r\nStatus: 4.4.1\r\n"
EXPIRED = f"Reporting-MTA: dns; mx.ailo.test\r\n\r\nFinal-Recipient: rfc822; {LEA}\r\nAction: failed\r\nStatus: 4.4.1\r\n"
DELIVERED = f"Reporting-MTA: dns; mx.ailo.test\r\n\r\nFinal-Recipient: rfc822; {LEA}\r\nAction: delivered\r\nStatus: 2.0.0\r\n"
BASE64 = "Content-Transfer-Encoding: base64\r\n"
ENCODED = b64encode(b"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; lea@ailo.test\nAction: failed\nStatus: 5.1.1\n").decode()


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (report(POSTFIX), [Report("5.1.1", LEA)]),
        (report(POSTFIX.replace("\r\n", "\n")), [Report("5.1.1", LEA)]),
        (report(EXCHANGE), [Report("5.1.10", LEA)]),
        (report(GOOGLE), [Report("5.2.2", LEA)]),
        (report(SENDMAIL), [Report("5.1.1", LEA)]),
        (report(SENDMAIL, kind="global-delivery-status"), [Report("5.1.1", LEA)]),
        (report(ALIAS), [Report("5.1.1", "lea.martin@elsewhere.example")]),
        (report(EXPIRED), [Report("4.4.1", LEA)]),
        (report(ENCODED, encoding=BASE64), [Report("5.1.1", LEA)]),
        (report(f"Original-Recipient: rfc822;{LEA}\r\nAction: failed\r\nStatus: 5.1.1\r\n"), [Report("5.1.1", LEA)]),
        (report("Action: Failed (no such user)\r\nstatus: 5.1.1\r\n"), [Report("5.1.1", "")]),
        (report(DELAYED), []),
        (report(DELIVERED), []),
        (report("Action: failed\r\nStatus: 2.0.0\r\n"), []),
        (report("Action: failed\r\n"), []),
        (report(""), []),
    ],
    ids=[
        "Postfix", "bare line feeds", "Exchange", "Google", "Sendmail", "RFC 6533", "an alias", "given up", "base64",
        "the original alone", "odd",         "delayed", "delivered", "contradictory", "without a status", "empty",
    ],
)  # fmt: skip
def test_it_tells_which_failure_and_of_whom(raw: bytes, found: list[Report]) -> None:
    assert report_in(raw) == found


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Subject: Absence du bureau\r\nAuto-Submitted: auto-replied\r\n\r\nJe suis absente.\r\n",
        b"Hi. This is the qmail-send program at mail.ailo.test.\r\n<lea@ailo.test>:\r\nSorry, no mailbox here. (#5.1.1)\r\n",
        report(DELIVERED).replace(b"message/delivery-status", b"text/plain"),
    ],
    ids=["nothing", "an absence", "prose", "a report without its part"],
)
def test_all_else_is_no_report(raw: bytes) -> None:
    assert report_in(raw) is None


def test_what_is_returned_says_nothing() -> None:
    """A letter that was returned whole may hold a report of somebody else's, in a text of a reply."""
    assert report_in(report(DELAYED, returned=report(POSTFIX, boundary="b2").decode())) == []


def test_a_report_of_very_many_is_read_as_far_as_it_makes_sense() -> None:
    found = report_in(report("\r\n\r\n".join(["Reporting-MTA: dns; mx", *[SENDMAIL.rpartition("\r\n\r\n")[2]] * 5000])))
    assert found is not None
    assert len(found) == MOST_RECIPIENTS


def test_each_part_is_looked_at_once_and_no_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts in parts in parts: the limit is that of the whole mail."""
    seen = []
    make = parts._part
    monkeypatch.setattr(parts, "_part", lambda raw, depth: seen.append(depth) or make(raw, depth))  # type: ignore[func-returns-value]
    raw = "Content-Type: text/plain\r\n\r\nx"
    for number in range(4):
        inner = f"\r\n--b{number}\r\n{raw}" * 20
        raw = f'Content-Type: multipart/mixed; boundary="b{number}"\r\n\r\n{inner}\r\n--b{number}--\r\n'
    assert report_in(raw.encode()) is None
    assert len(seen) <= parts.MOST_PARTS + 1


ODD = st.one_of(st.binary(max_size=60), st.sampled_from([b"--b/1\r\n", b"\r\n\r\n", b"Action: failed\r\n", report("")]))


@given(st.lists(ODD))
def test_no_bytes_are_too_odd(pieces: list[bytes]) -> None:
    raw = report("Status: 5.1.1\r\n") + b"".join(pieces)
    for cut in (raw, raw[::-1], b"".join(pieces)):
        for one in report_in(cut) or ():
            assert (one.status[0] in "45", one.status.count(".")) == (True, 2)
