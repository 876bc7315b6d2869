"""What the names say, asked of a real name server."""

from collections.abc import Mapping, Sequence

import pytest

from delivery.checkup import records
from delivery.checkup.findings import Finding, Grade
from delivery.checkup.records import Names, Unanswered
from tests.delivery.checkup.nameserver import Zone, naming

SENDER, REPLY = "ailo.test", "reply.ailo.test"
SOUND: Zone = {
    (REPLY, "MX"): ["10 mx.ailo.test."],
    ("mx.ailo.test", "A"): ["192.0.2.1"],
    (REPLY, "TXT"): ['"v=spf1 include:_spf.relay.test -all"'],
    ("_spf.relay.test", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 ~all"'],
    ("_dmarc.ailo.test", "TXT"): ['"v=DMARC1; p=quarantine"'],
    ("s1._domainkey.ailo.test", "TXT"): ['"v=DKIM1; k=rsa; p=MIIB" "IjAN"'],
    ("s1._domainkey.relay.test", "TXT"): ['"v=DKIM1; p=MIIB"'],
    ("gone._domainkey.ailo.test", "TXT"): ['"v=DKIM1; p="'],
    ("8.8.8.8.in-addr.arpa", "PTR"): ["other.relay.test.", "out.relay.test."],
    ("8.8.8.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.8.4.0.6.8.4.1.0.0.2.ip6.arpa", "PTR"): ["out.relay.test."],
    ("out.relay.test", "AAAA"): ["2001:4860:4860::8888"],
    ("out.relay.test", "A"): ["8.8.8.8"],
    ("4.4.8.8.in-addr.arpa", "PTR"): ["other.relay.test."],
    ("other.relay.test", "A"): ["192.0.2.7"],
}


async def found(change: Mapping[tuple[str, str], Sequence[str]] | None = None) -> dict[str, Finding]:
    """The findings, by the first record that each is about."""
    zone = {key: values for key, values in {**SOUND, **(change or {})}.items() if values}
    async with naming(zone) as nameserver:
        spf, dmarc, mx = [one async for one in Names(SENDER, REPLY, REPLY, nameserver).findings()]
    return {"spf": spf, "dmarc": dmarc, "mx": mx}


async def test_where_all_is_there_nothing_is_wrong() -> None:
    assert {one.grade for one in (await found()).values()} == {Grade.FINE}


@pytest.mark.parametrize(
    ("about", "change", "grade", "said"),
    [
        ("mx", {(REPLY, "MX"): []}, Grade.WRONG, "no mail exchanger"),
        ("mx", {(REPLY, "MX"): ["0 ."]}, Grade.WRONG, "takes no mail"),
        ("mx", {("mx.ailo.test", "A"): []}, Grade.WRONG, "no mail exchanger"),
        ("mx", {("mx.ailo.test", "A"): [], ("mx.ailo.test", "AAAA"): ["2001:db8::1"]}, Grade.FINE, "go to mx.ailo.test"),
        ("mx", {(REPLY, "MX"): [], (REPLY, "A"): ["192.0.2.1"]}, Grade.FINE, f"go to {REPLY}"),
        ("spf", {(REPLY, "TXT"): []}, Grade.DOUBTFUL, "no SPF record"),
        ("spf", {(REPLY, "TXT"): ['"v=spf1 -all"', '"v=spf1 mx -all"']}, Grade.WRONG, "2 SPF records"),
        ("spf", {(REPLY, "TXT"): ['"v=spf1 mx +all"']}, Grade.DOUBTFUL, "lets everybody send"),
        ("spf", {(REPLY, "TXT"): ['"v=spf10 -all"']}, Grade.DOUBTFUL, "no SPF record"),
        ("spf", {(REPLY, "TXT"): [f'"v=spf1 {" ".join(f"a:{n}.test" for n in range(11))} -all"']}, Grade.WRONG, "11 lookups"),
        (
            "spf",
            {("_spf.relay.test", "TXT"): [f'"v=spf1 {" ".join(f"exists:{n}.test" for n in range(10))} redirect={REPLY}"']},
            Grade.WRONG,
            "12 lookups",
        ),
        ("dmarc", {("_dmarc.ailo.test", "TXT"): []}, Grade.DOUBTFUL, "no DMARC record"),
        ("dmarc", {("_dmarc.ailo.test", "TXT"): ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']}, Grade.WRONG, "2 DMARC records"),
        ("dmarc", {("_dmarc.ailo.test", "TXT"): ['"v=DMARC1; rua=mailto:a@ailo.test"']}, Grade.WRONG, "no policy"),
        ("dmarc", {("_dmarc.ailo.test", "TXT"): ['"v=DMARC1; p=reject; aspf=s"']}, Grade.DOUBTFUL, "aspf=s"),
    ],
)
async def test_what_is_missing_is_said(about: str, change: Zone, grade: Grade, said: str) -> None:
    finding = (await found(change))[about]
    assert (finding.grade, said in finding.text) == (grade, True), finding.text
    assert finding.advice or grade is Grade.FINE


async def test_the_record_of_a_domain_above_counts() -> None:
    async with naming(SOUND) as nameserver:
        (_, dmarc) = [one async for one in Names("mail.ailo.test", "mail.ailo.test", None, nameserver).findings()]
    assert (dmarc.grade, "ailo.test has a DMARC record (p=quarantine)" in dmarc.text) == (Grade.FINE, True)


OURS, RELAYS = ("ailo.test", "s1"), ("relay.test", "s1")


@pytest.mark.parametrize(
    ("signed", "grade"),
    [
        ([OURS], Grade.FINE),
        ([RELAYS, OURS], Grade.FINE),
        ([("ailo.test", "gone"), OURS], Grade.FINE),
        ([RELAYS], Grade.DOUBTFUL),
        ([], Grade.DOUBTFUL),
        ([("ailo.test", "s2")], Grade.WRONG),
        ([("ailo.test", "gone"), RELAYS], Grade.WRONG),
    ],
    ids=["ours", "both", "one with a key", "another's", "none", "no key", "revoked"],
)
async def test_one_signature_must_be_ours_and_have_its_key(signed: list[tuple[str, str]], grade: Grade) -> None:
    async with naming(SOUND) as nameserver:
        assert (await Names(SENDER, REPLY, REPLY, nameserver).signatures(signed)).grade is grade


@pytest.mark.parametrize(
    ("address", "grade"),
    [
        ("8.8.8.8", Grade.FINE),
        ("2001:4860:4860:0:0:0:0:8888", Grade.FINE),
        ("8.8.4.4", Grade.WRONG),
        ("9.9.9.9", Grade.WRONG),
        ("10.0.0.1", Grade.UNSEEN),
    ],
    ids=["leads back", "spelt otherwise", "leads elsewhere", "none", "private"],
)
async def test_the_name_of_an_address_must_lead_back_to_it(address: str, grade: Grade) -> None:
    async with naming(SOUND) as nameserver:
        assert (await Names(SENDER, REPLY, REPLY, nameserver).name_of(address)).grade is grade


async def test_where_nobody_answers_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "SECONDS", 0.2)
    async with naming(SOUND, answers=False) as nameserver:
        names = Names(SENDER, REPLY, REPLY, nameserver)
        assert [one.grade async for one in names.findings()] == [Grade.UNSEEN]
        with pytest.raises(Unanswered):
            await names.signatures([OURS])


async def test_a_name_that_cannot_be_is_said_and_the_others_are_looked_up() -> None:
    zone = {**SOUND, (REPLY, "TXT"): ['"v=spf1 include:a..b -all"']}
    async with naming(zone) as nameserver:
        found = [one async for one in Names(SENDER, REPLY, REPLY, nameserver).findings()]
    assert (found[0].grade, found[0].text) == (Grade.UNSEEN, "a..b cannot be looked up")
    assert [one.grade for one in found[1:]] == [Grade.FINE, Grade.FINE]
