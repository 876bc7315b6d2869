"""Whom a mail is proven to be from, by the results of the relay that brought it, and all that proves nothing."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.inbound import authenticity
from delivery.inbound.authenticity import is_proven
from delivery.inbound.headers import headers_of

RELAY, LEA = "mx.ailo.test", "lea@gmail.com"
PASS = f"{RELAY}; dmarc=pass header.from=gmail.com"
FAIL = f"{RELAY}; dmarc=fail header.from=gmail.com"
HOP = "Received: from there by here"


def proves(*fields: str, author: str = LEA, address: str = LEA, relay: str = RELAY) -> bool:
    """Whether a mail with these fields on top, results unless they have a name, is proven to be from ``address``."""
    named = [field if field.startswith(("Received:", "X-", "ARC-")) else f"Authentication-Results: {field}" for field in fields]
    text = "\n".join([*named, f"From: {author}", "", ""]).replace("\r\n", "\n").replace("\n", "\r\n")
    raw = text.encode("utf-8", "surrogateescape")
    return is_proven(headers_of(raw), address, relay)


OPENDMARC = f"{RELAY}; dmarc=pass (p=none dis=none) header.from=gmail.com"
RSPAMD = f"""{RELAY};
\tdkim=pass header.d=gmail.com header.s=20230601 header.b=Kv7mnn6+;
\tspf=pass ({RELAY}: domain of lea@gmail.com designates 209.85.128.1 as permitted sender) smtp.mailfrom=lea@gmail.com;
\tdmarc=pass (policy=none) header.from=gmail.com"""
GOOGLE = f"""{RELAY};
       dkim=pass header.i=@gmail.com header.s=20230601 header.b="dR/K1=;x";
       spf=pass (google.com: domain of lea@gmail.com designates 209.85.220.41 as permitted sender) smtp.mailfrom=lea@gmail.com;
       dmarc=pass (p=NONE sp=QUARANTINE dis=NONE) header.from=gmail.com;
       dara=pass header.i=@gmail.com"""
FASTMAIL = f"""{RELAY};
    arc=none (no signatures found);
    bimi=none (No BIMI records found);
    dkim=pass (2048-bit rsa key sha256) header.d=gmail.com
      header.i=@gmail.com header.b=aB3/x+9= header.a=rsa-sha256 header.s=20230601
      x-bits=2048;
    dmarc=pass policy.published-domain-policy=none
      policy.published-subdomain-policy=quarantine policy.applied-disposition=none
      policy.evaluated-disposition=none (p=none,sp=quarantine,d=none,d.eval=none)
      policy.policy-from=p header.from=gmail.com;
    iprev=pass smtp.remote-ip=209.85.128.1 (mail-wm1.google.com);
    spf=pass smtp.mailfrom=lea@gmail.com smtp.helo=mail-wm1.google.com;
    x-tls=pass smtp.version=TLSv1.3"""
MICROSOFT = f"""{RELAY}; spf=pass (sender IP is 209.85.128.1)
 smtp.mailfrom=gmail.com; dkim=pass (signature was verified)
 header.d=gmail.com;dmarc=pass action=none
 header.from=gmail.com;compauth=pass reason=100"""
AMAZON = f"""{RELAY};
 spf=pass (spfCheck: domain of _spf.google.com designates 209.85.128.1 as permitted sender)
 client-ip=209.85.128.1; envelope-from=lea@gmail.com; helo=mail-wm1.google.com;
 dkim=pass header.i=@gmail.com;
 dmarc=pass header.from=gmail.com;"""
YAHOO = f"""{RELAY};
 dkim=pass header.i=@gmail.com header.s=20230601;
 spf=pass smtp.mailfrom=gmail.com;
 dmarc=pass(p=NONE) header.from=gmail.com;"""
PROTON = (
    f"{RELAY}; dkim=pass (Good 2048 bit rsa-sha256 signature) header.d=gmail.com header.a=rsa-sha256",
    f"{RELAY}; dmarc=pass (p=none dis=none)\r\n header.from=gmail.com",
    f"{RELAY}; spf=pass smtp.mailfrom=gmail.com",
    f"{RELAY}; arc=none smtp.remote-ip=209.85.128.1",
    f'{RELAY}; dkim=fail reason="key not found in DNS"\r\n (0-bit key) header.d=gmail.com header.b="XFVjBFda"',
)


@pytest.mark.parametrize("fields", [
    [OPENDMARC], [RSPAMD], [GOOGLE], [FASTMAIL], [MICROSOFT], [AMAZON], [YAHOO], [*PROTON], [*reversed(PROTON)],
])  # fmt: skip
def test_a_pass_as_relays_write_it_proves(fields: list[str]) -> None:
    assert proves(*fields)
    assert not proves(*fields, author="lea@gmail.org", address="lea@gmail.org")
    assert not proves(*[field.replace("dmarc=pass", "dmarc=fail") for field in fields])


@pytest.mark.parametrize("results", [
    "dmarc=none header.from=gmail.com",
    "dkim=pass (2048-bit key; unprotected) header.d=gmail.com header.i=@gmail.com; dkim-atps=neutral",
    "dkim=none; dkim-atps=neutral",
    "spf=pass smtp.mailfrom=gmail.com; dkim=pass header.d=gmail.com",
    "none",
    "dmarc=bestguesspass action=none header.from=gmail.com",
])  # fmt: skip
def test_without_a_pass_of_dmarc_nothing_is_proven(results: str) -> None:
    assert not proves(f"{RELAY}; {results}")


@pytest.mark.parametrize("value", [
    "MX.Ailo.Test; DMARC=Pass Header.From=GMail.COM",
    f"{RELAY} 1; dmarc=pass header.from=gmail.com",
    f"{RELAY};dmarc=pass header.from=gmail.com",
    f"{RELAY}; dmarc=pass header.from=gmail.com;;",
    f'"{RELAY}"; dmarc=pass header.from="gmail.com"',
    f'{RELAY}; dmarc=pass reason="all is well; (truly)" header.from=gmail.com',
    f"{RELAY}; dmarc/1=pass header.from=gmail.com",
    f"(a) {RELAY} (b) 1 (c) ; (d) dmarc (e) / (f) 1 (g) = (h) pass (i) header (j) . (k) from (l) = (m) gmail.com (n) ; (o)",
    f"\t{RELAY}\t;\r\n dmarc\r\n =\r\n pass\r\n header.from\r\n =\r\n gmail.com",
    f'{RELAY}; dmarc=pass (a (b \\) (c)) " d) header.from=gmail.com',
    f"{RELAY}; spf=fail (dmarc=fail) smtp.mailfrom=x; dmarc=pass header.from=gmail.com",
    f'{RELAY}; spf=fail reason="; dmarc=fail header.from=gmail.com"; dmarc=pass header.from=gmail.com',
    f"{RELAY}; policy.dmarc=none; dmarc=pass header.from=gmail.com policy.dmarc=reject",
    f"{RELAY}; dmarc=pass header.from=gmail.com; dmarc=pass header.from=gmail.com",
])  # fmt: skip
def test_the_grammar_is_that_of_the_rfc(value: str) -> None:
    assert proves(value)


@pytest.mark.parametrize("value", [
    "", ";", RELAY, f"{RELAY};", f"{RELAY} 1", "none",
    "dmarc=pass header.from=gmail.com",
    "; dmarc=pass header.from=gmail.com",
    "spf=pass (sender IP is 1.2.3.4) smtp.mailfrom=gmail.com; dkim=pass;dmarc=pass action=none header.from=gmail.com",
    # no name, or another
    f"{RELAY} dmarc=pass header.from=gmail.com",
    f"{RELAY} 2; dmarc=pass header.from=gmail.com",
    f"{RELAY} x; dmarc=pass header.from=gmail.com",
    f"{RELAY} {RELAY}; dmarc=pass header.from=gmail.com",
    f"({RELAY}); dmarc=pass header.from=gmail.com",
    f"mx.evil.example ({RELAY}); dmarc=pass header.from=gmail.com",
    f"{RELAY}.evil.example; dmarc=pass header.from=gmail.com",
    f"evil.{RELAY}; dmarc=pass header.from=gmail.com",
    "mx.aiIo.test; dmarc=pass header.from=gmail.com",
    "mx.аilo.test; dmarc=pass header.from=gmail.com",
    "mx.ailo．test; dmarc=pass header.from=gmail.com",
    # a pass that is no result
    f"{RELAY}; (dmarc=pass header.from=gmail.com)",
    f"{RELAY}; spf=pass (; dmarc=pass header.from=gmail.com) smtp.mailfrom=x",
    f"{RELAY}; spf=pass ((); dmarc=pass header.from=gmail.com ;) smtp.mailfrom=x",
    f'{RELAY}; spf=pass smtp.mailfrom="x; dmarc=pass header.from=gmail.com"',
    f'{RELAY}; spf=pass smtp.mailfrom="x\\"; dmarc=pass header.from=gmail.com"',
    f'{RELAY}; dkim=fail reason="dmarc=pass header.from=gmail.com"',
    f"{RELAY}; dkim=fail reason=dmarc=pass header.from=gmail.com",
    f'{RELAY}; "dmarc=pass header.from=gmail.com"',
    f"{RELAY}; spf=fail dmarc=pass header.from=gmail.com",
    f"{RELAY}; x.dmarc=pass header.from=gmail.com",
    f"{RELAY}; xdmarc=pass header.from=gmail.com",
    f"{RELAY}; dmarc-x=pass header.from=gmail.com",
    # not a pass
    f"{RELAY}; dmarc=passed header.from=gmail.com",
    f"{RELAY}; dmarc=pass=fail header.from=gmail.com",
    f"{RELAY}; dmarc==pass header.from=gmail.com",
    f"{RELAY}; dmarc pass header.from=gmail.com",
    f'{RELAY}; dmarc="pass" header.from=gmail.com',
    f"{RELAY}; dmarc/2=pass header.from=gmail.com",
    f"{RELAY}; dmarc/1/1=pass header.from=gmail.com",
    f"{RELAY}; dmarc=pass fail header.from=gmail.com",
    f"{RELAY}; dmarc=pass dmarc=fail header.from=gmail.com",
    f"{RELAY}; dmarc=ｐass header.from=gmail.com",
    # of no domain, another, or several
    f"{RELAY}; dmarc=pass",
    f"{RELAY}; dmarc=pass action=none",
    f"{RELAY}; dmarc=pass header.from=",
    f"{RELAY}; dmarc=pass header.from=; header.from=gmail.com",
    f"{RELAY}; dmarc=pass (header.from=gmail.com)",
    f'{RELAY}; dmarc=pass reason="header.from=gmail.com"',
    f"{RELAY}; dmarc=pass reason=header.from=gmail.com",
    f"{RELAY}; dmarc=pass smtp.mailfrom=gmail.com",
    f"{RELAY}; dmarc=pass header.d=gmail.com",
    f"{RELAY}; dkim=pass header.from=gmail.com; dmarc=pass",
    f"{RELAY}; dmarc=pass header.from=evil.example",
    f"{RELAY}; dmarc=pass header.from=evil.example.gmail.com",
    f"{RELAY}; dmarc=pass header.from=gmail.com.evil.example",
    f"{RELAY}; dmarc=pass header.from=com",
    f"{RELAY}; dmarc=pass header.from=mail.gmail.com",
    f"{RELAY}; dmarc=pass header.from=gmail.com header.from=evil.example",
    f"{RELAY}; dmarc=pass header.from=evil.example header.from=gmail.com",
    f"{RELAY}; dmarc=pass header.from=gmail.com,evil.example",
    f"{RELAY}; dmarc=pass header.from=gmail.com evil.example",
    f"{RELAY}; dmarc=pass header.from=evil.example gmail.com",
    f"{RELAY}; dmarc=pass header.from=gmail(evil).com",
    f'{RELAY}; dmarc=pass header.from=gmail."com"',
    f'{RELAY}; dmarc=pass header.from="gmail.com".evil.example',
    f"{RELAY}; dmarc=pass header.from=gmail.com@evil.example",
    f"{RELAY}; dmarc=pass header.from=evil@gmail.com",
    f"{RELAY}; dmarc=pass header.from=@gmail.com",
    f"{RELAY}; dmarc=pass header.from=<gmail.com>",
    f"{RELAY}; dmarc=pass header.from=gmаil.com",
    f"{RELAY}; dmarc=pass header.from=gmail.com\u200b",
    f"{RELAY}; dmarc=pass header.from=gmail.com\udcff",
    f"{RELAY}; dmarc=pass header.from=ｇmail.com",
    f"{RELAY}; dmarc=pass header.from=gmail。com",
    # that cannot be read
    f"{RELAY}; dmarc=pass header.from=gmail.com (",
    f"{RELAY}; dmarc=pass header.from=gmail.com )",
    f'{RELAY}; dmarc=pass header.from=gmail.com "',
    f"{RELAY}; dmarc=pass header.from=gmail.com (\\)",
])  # fmt: skip
def test_what_only_resembles_a_pass_proves_nothing(value: str) -> None:
    assert not proves(value)
    assert proves(PASS)


@pytest.mark.parametrize("other", [
    "dmarc=fail header.from=gmail.com", "dmarc=fail", "dmarc=none header.from=gmail.com", "dmarc=temperror", "dmarc",
    "dmarc/2=pass",
    "dmarc=pass header.from=evil.example", "dmarc=pass", "DMARC=FAIL", "x dmarc=fail",
])  # fmt: skip
def test_any_other_result_of_dmarc_refuses(other: str) -> None:
    assert not proves(f"{PASS}; {other}")
    assert not proves(f"{RELAY}; {other}; dmarc=pass header.from=gmail.com")
    assert not proves(PASS, f"{RELAY}; {other}")
    assert not proves(f"{RELAY}; {other}", PASS)
    assert not proves(PASS, f"{RELAY}; spf=pass", f"{RELAY}; {other}")


def test_a_forged_pass_below_never_helps() -> None:
    assert not proves(FAIL, PASS)
    assert not proves(FAIL, HOP, PASS)
    assert not proves(FAIL, "mx.other.test; none", PASS)
    assert not proves(f"{RELAY}; spf=pass", HOP, PASS)
    assert not proves(f"{RELAY}; spf=pass", "mx.other.test; dmarc=pass header.from=gmail.com", PASS)
    assert not proves(f"{RELAY}; spf=pass (", PASS)
    assert not proves("(", PASS)
    assert not proves(f"{RELAY} 2; spf=pass", PASS)


def test_what_another_hop_said_does_not_count() -> None:
    assert proves(PASS, HOP, FAIL)
    assert proves(PASS, "mx.other.test; none", FAIL)
    assert proves("mx.other.test; dmarc=fail header.from=gmail.com", PASS)
    assert proves(HOP, "spf=fail smtp.mailfrom=x;dmarc=fail", HOP, PASS)
    assert proves(PASS, "X-Filter: a", f"{RELAY}; dkim=pass")
    assert not proves("mx.other.test; dmarc=pass header.from=gmail.com")
    assert not proves("mx.other.test; dmarc=pass header.from=gmail.com", f"{RELAY}; none")


@pytest.mark.parametrize("name", ["X-Authentication-Results", "ARC-Authentication-Results", "X-Original-Authentication-Results"])
def test_only_one_field_has_results(name: str) -> None:
    assert not proves(f"{name}: {PASS}")


def test_results_below_the_fields_are_words() -> None:
    raw = f"From: {LEA}\r\n\r\nAuthentication-Results: {PASS}\r\n\r\n".encode()
    assert not is_proven(headers_of(raw), LEA, RELAY)


@pytest.mark.parametrize(("author", "address"), [
    ("Lea <LEA@Gmail.com>", LEA),
    (LEA, " Lea@GMAIL.com "),
])  # fmt: skip
def test_an_address_has_one_form(author: str, address: str) -> None:
    assert proves(PASS, author=author, address=address)


@pytest.mark.parametrize("written", ["société.fr", "xn--socit-esab.fr", "SOCIÉTÉ.fr", "XN--SOCIT-ESAB.FR"])
@pytest.mark.parametrize("domain", ["société.fr", "xn--socit-esab.fr"])
def test_a_domain_is_the_same_in_ascii(domain: str, written: str) -> None:
    results = f"{RELAY}; dmarc=pass header.from={written}"
    assert proves(results, author=f"léa@{domain}", address="léa@société.fr")
    assert proves(results, author=f"léa@{domain}", address="léa@xn--socit-esab.fr")
    assert not proves(results, author="léa@societe.fr", address="léa@société.fr")


@pytest.mark.parametrize(("author", "address"), [
    ("mallory@gmail.com", LEA),
    (f'"{LEA}" <mallory@gmail.com>', LEA),
    (f"{LEA} <mallory@gmail.com>", LEA),
    (f"{LEA}, mallory@gmail.com", LEA),
    ("lea+x@gmail.com", LEA),
    ("l.ea@gmail.com", LEA),
    ("leа@gmail.com", LEA),
    ("\u212Aim@gmail.com", "kim@gmail.com"),
    (f"{LEA}\r\nFrom: mallory@gmail.com", LEA),
    (f"{LEA}\r\nFrom: {LEA}", LEA),
    (f"{LEA}\rX: a", LEA),
    ("", ""),
    ("@gmail.com", "@gmail.com"),
    (LEA, ""),
    (LEA, "gmail.com"),
    (LEA, "\udcff@\udcff"),
])  # fmt: skip
def test_it_is_the_author_who_is_proven(author: str, address: str) -> None:
    assert not proves(PASS, author=author, address=address)


def test_an_address_that_has_no_form_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> str:
        raise UnicodeError

    monkeypatch.setattr(authenticity, "normalised_address", refuse)
    assert not proves(PASS)


def test_a_relay_without_a_name_proves_nothing() -> None:
    assert not proves("; dmarc=pass header.from=gmail.com", relay="")
    assert not proves('""; dmarc=pass header.from=gmail.com', relay="")


def test_only_ascii_letters_have_case_in_a_relays_name() -> None:
    assert not proves("m\u212a.test; dmarc=pass header.from=gmail.com", relay="mk.test")
    assert proves("é.test; dmarc=pass header.from=gmail.com", relay="é.test")
    assert not proves(PASS, relay="\udcff")


PARTS = [
    RELAY, ";", " ", "dmarc", "=", "pass", "fail", "header.from=gmail.com", "(", ")", '"', "\\", "/", ".", "1", "reason=", "\t",
    "é", "@",
    "\r\n ", "spf=pass", "\r\nAuthentication-Results: ", "\r\nReceived: ", "\0", "\r",
]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS)).map("".join) | st.text())
def test_no_results_upset_the_reader(value: str) -> None:
    raw = f"Authentication-Results: {value}\r\nFrom: {LEA}\r\n\r\n".encode("utf-8", "surrogatepass")
    assert is_proven(headers_of(raw), LEA, RELAY) in {True, False}


@given(st.binary(), st.text(), st.text())
def test_no_bytes_are_proven(raw: bytes, address: str, relay: str) -> None:
    assert not is_proven(headers_of(raw), address, relay)


@given(st.lists(st.sampled_from(PARTS)).map("".join))
def test_nothing_in_a_quoted_value_or_a_comment_changes_the_result(value: str) -> None:
    escaped = "".join(f"\\{one}" for one in value.replace("\r", "").replace("\n", "").replace("\0", ""))
    for field in (
        f'{RELAY}; spf=pass smtp.mailfrom="{escaped}"; dmarc=%s header.from=gmail.com',
        f"{RELAY}; spf=pass ({escaped}); dmarc=%s header.from=gmail.com",
    ):
        assert proves(field.replace("%s", "pass"))
        assert not proves(field.replace("%s", "fail"))


@pytest.mark.parametrize(
    "sign", ["(", ")", '"', '""', "()", "\\", ";", " ", "=", "/", ".", "a.", " .", "dmarc=", "dmarc ", "dmarc=pass;", "a="]
)
@pytest.mark.parametrize("before", ["", f"{RELAY}; ", f"{RELAY}; dmarc=pass header.from=", f"{RELAY}; dmarc=pass "])
def test_the_time_does_not_grow_with_the_square(before: str, sign: str) -> None:
    started = time.process_time()
    assert not proves(before + sign * (200_000 // len(sign)) + "x")
    assert time.process_time() - started < 10  # with the square it would be minutes


def test_many_results_take_no_longer_than_one() -> None:
    started = time.process_time()
    assert not proves(*["mx.other.test; " + "a" * 200] * 900, f"{RELAY}; spf=pass")
    assert proves(*[PASS] * 900)
    assert time.process_time() - started < 10
