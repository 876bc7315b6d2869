"""The fields of a mail that came in, and the one author that it has or has not."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from delivery.inbound.headers import LONGEST_MESSAGE_ID, LONGEST_SUBJECT, MOST_HEADER_BYTES, headers_of, pieces, without_comments

LEA, MALLORY = "lea@ailo.test", "mallory@evil.example"


def author_of(value: str) -> str | None:
    return headers_of(f"From: {value}\r\n\r\n".encode("utf-8", "surrogateescape")).author


def subject_of(value: str) -> str:
    return headers_of(f"Subject: {value}\r\n\r\n".encode("utf-8", "surrogateescape")).subject


def test_fields_are_found_in_order_by_names_in_any_case() -> None:
    headers = headers_of(b"X-A: 1\r\nTo: lea\r\nx-a:2 \r\nX-a:\t 3\r\n\r\nX-A: 4\r\n")
    assert headers.all("x-A") == ["1", "2", "3"]
    assert headers.all("X-B") == []
    assert headers.is_sound


def test_a_folded_value_is_on_one_line() -> None:
    assert headers_of(b"X-A: one\r\n two\r\n\tthree\r\nTo: lea\r\n\r\n").all("X-A") == ["one two\tthree"]
    assert headers_of(b"X-A:\n one\n\n").all("X-A") == ["one"]


@pytest.mark.parametrize("raw", [
    b"", b"\r\n", b"\n", b"\r\n\r\nFrom: lea@ailo.test", b"\n\nFrom: lea@ailo.test\n\n",
])  # fmt: skip
def test_a_mail_may_have_no_fields(raw: bytes) -> None:
    headers = headers_of(raw)
    assert (headers.fields, headers.author, headers.message_id, headers.subject) == ((), None, None, "")


def test_a_mail_may_be_nothing_but_fields() -> None:
    assert headers_of(b"To: x\r\nFrom: lea@ailo.test\r\n").author == LEA
    assert headers_of(b"To: x\nFrom: lea@ailo.test").author == LEA


@pytest.mark.parametrize("raw", [
    b"From: lea@ailo.test\r\nX: a\nb: c\r\n\r\n",  # both line ends
    b"X: a\nFrom: lea@ailo.test\n\nX: b\r\nFrom: mallory@ailo.test\r\n\r\n",
    b"X: a\r\nFrom: lea@ailo.test\r\n\nX: b\r\nFrom: mallory@ailo.test\r\n\r\n",
    b"X: a\rFrom: mallory@ailo.test\r\nFrom: lea@ailo.test\r\n\r\n",  # bare CR
    b"X: a\r\r\nFrom: lea@ailo.test\r\n\r\n",
    b"X: a\r\n\r\r\nFrom: lea@ailo.test\r\n\r\n",
    b"X: a\0\r\nFrom: lea@ailo.test\r\n\r\n",
    b"From: lea@ailo.test\r\nno field\r\n\r\n",
    b"From: lea@ailo.test\r\nno field: x\r\n\r\n",
    b"From: lea@ailo.test\r\n: x\r\n\r\n",
    b"From: lea@ailo.test\r\nX\xc3\xa9: x\r\n\r\n",
    b"From: lea@ailo.test\r\nX : x\r\n\r\n",
    b"From : lea@ailo.test\r\n\r\n",
    b"From\r\n : lea@ailo.test\r\n\r\n",
    b" X: a\r\nFrom: lea@ailo.test\r\n\r\n",
    b"X: a\r\n \t\r\nFrom: lea@ailo.test\r\n\r\n",  # a blank line that continues, for some
    b"From: lea@ailo.test\r\n" + b"X: a\r\n" * 1_000 + b"\r\n",
    b"From: lea@ailo.test\r\nX: " + b"a" * MOST_HEADER_BYTES + b"\r\n\r\n",
    b"From: lea@ailo.test\r\nX: " + b"a" * (MOST_HEADER_BYTES - 26) + b"\r\nFrom: mallory@ailo.test\r\n\r\n",
])  # fmt: skip
def test_there_is_no_author_where_readers_see_different_fields(raw: bytes) -> None:
    headers = headers_of(raw)
    assert not headers.is_sound
    assert headers.author is None


@pytest.mark.parametrize("cut", range(6))
def test_fields_that_are_cut_off_never_look_whole(cut: int) -> None:
    start = b"From: lea@ailo.test\r\nX: "
    raw = start + b"a" * (MOST_HEADER_BYTES - len(start) - cut) + b"\r\nFrom: mallory@ailo.test\r\n\r\n"
    assert headers_of(raw).author is None


def test_what_is_looked_at_may_be_full() -> None:
    start, end = b"From: lea@ailo.test\r\nX: ", b"\r\n\r\n"
    raw = start + b"a" * (MOST_HEADER_BYTES - len(start) - len(end)) + end
    assert headers_of(raw).author == LEA
    assert headers_of(raw + b"a\nb\rc\0").author == LEA
    assert headers_of(b"From: lea@ailo.test\r\n" + b"X: a\r\n" * 999 + b"\r\n").author == LEA


def test_what_is_no_field_hides_none() -> None:
    headers = headers_of(b"no field\r\n going on\r\nAuto-Submitted : auto-replied\r\nX: a\r\n\r\n")
    assert headers.fields == (("auto-submitted", "auto-replied"), ("x", "a"))


@pytest.mark.parametrize(("value", "author"), [
    (LEA, LEA),
    (f"<{LEA}>", LEA),
    (f"Lea <{LEA}>", LEA),
    (f"Lea<{LEA}>", LEA),
    ("LEA@Ailo.Test", "LEA@Ailo.Test"),
    (f"Lea Q. Martin\r\n\t<{LEA}>", LEA),
    (f"L’équipe <{LEA}>", LEA),
    (f'"Martin, Lea" <{LEA}>', LEA),
    (f'"Lea \\"Lili\\" Martin" <{LEA}>', LEA),
    (f'"Lea" Martin "RH" <{LEA}>', LEA),
    (f'"" <{LEA}>', LEA),
    (f"=?utf-8?q?L=C3=A9a?= <{LEA}>", LEA),
    (f"=?utf-8?q?Martin=2C_L=C3=A9a?= <{LEA}>", LEA),
    (f'"=?utf-8?b?TMOpYQ==?=" <{LEA}>', LEA),
    (f"=?iso-8859-1?q?L=E9a?= =?iso-8859-1?q?_Martin?= <{LEA}>", LEA),
    (f"{LEA} (Lea Martin)", LEA),
    (f"(Lea) {LEA}", LEA),
    (f"Lea (RH (Paris)) <{LEA}> ()", LEA),
    ("l.e+a=x/y?'#{|}~@ailo.test", "l.e+a=x/y?'#{|}~@ailo.test"),
    ("a_b-c@x", "a_b-c@x"),
    # A name that looks like an address is a name where quotation marks say so.
    (f'"{LEA}" <{MALLORY}>', MALLORY),
    (f'"Lea {LEA}" <{MALLORY}>', MALLORY),
    (f"'Lea' <{MALLORY}>", MALLORY),
    # RFC 6532
    ("léa@ailo.test", "léa@ailo.test"),
    ("Léa <用户@例子.公司>", "用户@例子.公司"),
    ("lea@société.fr", "lea@société.fr"),
    ("lea@Société.FR", "lea@Société.FR"),
    ("lea@xn--socit-esab.fr", "lea@xn--socit-esab.fr"),
    ("lea@straße.example", "lea@straße.example"),
    # 64 octets
    ("a" * 64 + "@ailo.test", "a" * 64 + "@ailo.test"),
    ("é" * 32 + "@ailo.test", "é" * 32 + "@ailo.test"),
    ("lea@" + "a" * 63 + ".test", "lea@" + "a" * 63 + ".test"),
])  # fmt: skip
def test_the_one_address_is_the_author(value: str, author: str) -> None:
    assert author_of(value) == author


@pytest.mark.parametrize("value", [
    "", " ", "Lea", "<>", "Lea <>", "Lea <lea>", "@ailo.test", "<@ailo.test>", "lea@", "lea@@ailo.test", "lea@x@ailo.test",
    # several, or something beside it
    f"{LEA}, {MALLORY}", f"Lea <{LEA}>, <{MALLORY}>", f"{LEA},", f",{LEA}", f"{LEA};", f"{LEA} {MALLORY}", f"Lea {LEA}",
    f"{LEA} <{MALLORY}>", f"<{LEA}> <{MALLORY}>", f"<{LEA}><{MALLORY}>", f"<{LEA}> {MALLORY}", f"<{LEA}> x", f"<<{LEA}>>",
    f"Martin, Lea <{LEA}>", f'"Lea" {LEA}', f"'{LEA}' <{MALLORY}>",
    # groups and routes
    "undisclosed-recipients:;", f"Team: {LEA};", f"Team:{LEA}, {MALLORY};", f"<@evil.example:{LEA}>", f"<@a.test,@b.test:{LEA}>",
    # names and comments that hide an address from a reader who does not see where they end
    f'"<{LEA}>" <{MALLORY}>', f'"Lea <{LEA}" <{MALLORY}>', f'"{MALLORY}, x" <{LEA}>', f'"\\" {MALLORY}, \\"" <{LEA}>',
    f"({MALLORY}) {LEA}", f"(<{MALLORY}>) <{LEA}>", f"<{LEA}> (<{MALLORY}>)", f"{LEA} (, )", f"{LEA} (\\))", f'{LEA} (")")',
    f'(" <{MALLORY}>) <{LEA}> "', f"(a ({MALLORY})) {LEA}", f"((Lea) {LEA}", f"(Lea)) {LEA}", f"Lea) <{LEA}>",
    f'"Lea <{LEA}>', f'Lea" <{LEA}>', f'"Lea\\" <{LEA}>', f"Lea\\ <{LEA}>", f"Lea: <{LEA}>", f"[Lea] <{LEA}>",
    # comments and spaces in the address
    "lea(x)@ailo.test", "lea@(x)ailo.test", "lea@ailo(x).test", "<lea(x)@ailo.test>", f"<{LEA} (x)>", f"< {LEA}>", f"<{LEA} >",
    "lea @ailo.test", "lea@ ailo.test", "le\r\n a@ailo.test", f"<{LEA}\r\n >",
    # local parts
    '"lea"@ailo.test', '<"lea"@ailo.test>', f'"{LEA}"@evil.example', '"lea martin"@ailo.test', 'le"a"@ailo.test',
    "lea.@ailo.test",
    ".lea@ailo.test", "l..a@ailo.test", "l\\a@ailo.test", "l:a@ailo.test", "a" * 65 + "@ailo.test", "é" * 33 + "@ailo.test",
    # domains
    "lea@[127.0.0.1]", "lea@[IPv6:::1]", "lea@ailo.test.", "lea@.test", "lea@ailo..test", "lea@-ailo.test", "lea@ailo-.test",
    "lea@ai_lo.test", "lea@ailo.test:25", "lea@" + "a" * 64 + ".test", "lea@" + "a.b" * 85 + ".test", "lea@\u2060ailo.test",
    "lea@exa mple.test", "lea@-é.test", "lea@\u0301a.test", "lea@ailo\u3002test", "lea@é。test", "lea@é" + "a" * 300 + ".test",
    # encoded words that hide a sign of an address
    f"=?utf-8?q?lea=40ailo.test?= <{MALLORY}>", f"=?utf-8?q?=3Clea?= <{MALLORY}>", f"=?utf-8?q?a=3E?= <{MALLORY}>",
    f"=?utf-8?b?bGVhQGFpbG8udGVzdA==?= <{MALLORY}>", f'"=?utf-8?q?lea=40ailo.test?=" <{MALLORY}>', "=?utf-8?q?lea=40ailo.test?=",
    f"=?utf-8?q?=3C{LEA}=3E?=", f"=?utf-7?q?lea+AEA-ailo.test?= <{MALLORY}>", f"=?nothing?q?lea=40ailo.test?= <{MALLORY}>",
    f"=?utf-8?q?=EF=BC=A0?= <{MALLORY}>", f"=?utf-8?q?a=0d=0aFrom:?= <{LEA}>", f"=?utf-8?q?a=00?= <{LEA}>",
    f"=?utf-8?q?x <{LEA}>",
    f"=?utf-8?b?a?= <{LEA}>", f"é =?utf-8?q?lea=40ailo.test?= <{MALLORY}>", f"=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3F=3D?= <{LEA}>",
    # bytes that are no text, and look-alikes
    f"\0{LEA}", f"Lea\0 <{LEA}>", f"{LEA}\0", f"Lea\r <{LEA}>", f"Lea\x0b <{LEA}>", f"Lea\x85 <{LEA}>",
    f"=?utf-8?q?a?=\x0c <{LEA}>",
    f"L\udce9a <{LEA}>", "l\udce9a@ailo.test", f"\ufffd <{LEA}>", "lea@ailo.test\u200b", "le\u200ea@ailo.test",
    "le\xa0a@ailo.test",
    "lea\uff20ailo.test", f"lea\uff20ailo.test <{MALLORY}>", f"\ufe64{LEA}\ufe65 <{MALLORY}>", "\u212Aim@ailo.test",
    "ｌea@ailo.test",
    "lea@ban\u212A.test", "lea@ａilo.test", "lea@\ufb01.test",
    f"{'x' * 2_000} <{LEA}>",
])  # fmt: skip
def test_there_is_no_author_in_any_doubt(value: str) -> None:
    assert author_of(value) is None


def test_another_alphabet_is_another_author() -> None:
    assert author_of("lea@аilo.test") == "lea@аilo.test" != LEA


@pytest.mark.parametrize("second", [f"From: {LEA}", f"from: {MALLORY}", "FROM:", "From: x, y"])
def test_two_from_fields_are_no_author(second: str) -> None:
    assert headers_of(f"From: {LEA}\r\n{second}\r\n\r\n".encode()).author is None


def test_no_from_is_no_author() -> None:
    assert headers_of(f"Sender: {LEA}\r\nReply-To: {LEA}\r\nX-From: {LEA}\r\n\r\n".encode()).author is None


@pytest.mark.parametrize(("values", "found"), [
    (["<a.b@x.test>"], "a.b@x.test"),
    ([" \r\n <a@x.test> "], "a@x.test"),
    (["a@x.test"], "a@x.test"),
    (["<a@x.test>", "<a@x.test>"], "a@x.test"),
    (["<é@x.test>"], "é@x.test"),
    (["<" + "a" * LONGEST_MESSAGE_ID + ">"], "a" * LONGEST_MESSAGE_ID),
    (["<" + "a" * (LONGEST_MESSAGE_ID + 1) + ">"], None),
    (["<a@x.test>", "<b@x.test>"], None),
    ([], None), ([""], None), (["<>"], None), (["< >"], None), (["<a@x.test> <b@x.test>"], None), (["<a b@x.test>"], None),
    (["<a@x.test> (x)"], None), (["<<a@x.test>>"], None), (["<a\0@x.test>"], None), (["<a\t@x.test>"], None), (["<a\r@x.test>"],
    None),
])  # fmt: skip
def test_a_message_id_is_one_or_none(values: list[str], found: str | None) -> None:
    assert headers_of("".join(f"Message-ID: {value}\r\n" for value in values).encode() + b"\r\n").message_id == found


@pytest.mark.parametrize(("value", "shown"), [
    ("Bonjour", "Bonjour"),
    ("=?utf-8?q?R=C3=A9ponse_automatique_=3A?= x", "Réponse automatique : x"),
    ("=?utf-8?b?TMOp?=\r\n =?utf-8?b?YQ==?=", "Léa"),
    ("=?iso-8859-1?Q?L=E9?= =?utf-8?Q?=C3=A9?=", "Léé"),
    ("=?utf-8?b?w6k=?= et =?utf-8?b?w6k=?=", "é et é"),
    ("Réponse", "Réponse"),
    ("a\r\n  b\tc", "a b c"),
    ("=?utf-8?q?a=0D=0ABcc:_x?=", "a Bcc: x"),
    ("=?utf-8?b?!?=", "=?utf-8?b?!?="),
    ("=?utf-8?b?a?=", "=?utf-8?b?a?="),
    ("=?nothing?q?L=E9a?=", "Léa"),
    ("=?idna?q?L=E9a?=", "Léa"),
    ("=?undefined?q?a?=", "a"),
    ("=?rot13?q?a?=", "a"),
    ("=?utf-8?q?L=E9a?=", "L\ufffda"),
    ("L\udce9a", "L\ufffda"),
    ("a\u202eb\u2066c\u200fd\0e\u200bf\x1bg", "abcdefg"),
    ("=?utf-8?b?4oCu?=a", "a"),
    ("=?utf-7?q?+2AA-a?=", "a"),
    ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
    ("é" * 500, "é" * LONGEST_SUBJECT),
    ("=?utf-8?q?" + "=C3=A9" * 300 + "?=", "é" * LONGEST_SUBJECT),
])  # fmt: skip
def test_a_subject_is_shown_in_plain_text(value: str, shown: str) -> None:
    assert subject_of(value) == shown


def test_the_first_subject_is_the_subject() -> None:
    assert headers_of(b"Subject: a\r\nsubject: b\r\n\r\n").subject == "a"


@pytest.mark.parametrize(("value", "found"), [
    ("", []),
    ('a "b(\\"" c(d(e)\\) f)', ["a ", '"b(\\""', " c", "(d(e)\\) f)"]),
    ('""()', ['""', "()"]),
    ("\\", ["\\"]),
    ("(", None), (")", None), ('"', None), ("(()", None), ("())", None), ('"\\"', None), ("(\\)", None), ('a "(" )', None),
])  # fmt: skip
def test_a_value_is_cut_into_its_pieces(value: str, found: list[str] | None) -> None:
    assert pieces(value) == found


@given(st.text('()"\\ ab', max_size=40))
def test_pieces_are_the_value(value: str) -> None:
    found = pieces(value)
    assert found is None or ("".join(found) == value and all(found))


def test_a_space_stands_for_a_comment() -> None:
    assert without_comments('a(b)c "(d)"') == 'a c "(d)"'
    assert without_comments("(") is None


PARTS = [
    b"From:", b"from :", b"Subject:", b"Message-ID:", b" ", b"\t", b"\r\n", b"\n", b"\r", b"\0", b"\xe9", b"\xc3\xa9", b"<",
    b">", b"@",
    b"(", b")", b'"', b"\\", b",", b":", b";", b"lea@ailo.test", b"=?utf-8?q?", b"=?utf-8?b?", b"=40", b"=?x?q?a?=", b"?=",
    b".", b"a",
]  # fmt: skip


@given(
    st.binary()
    | st.lists(st.sampled_from(PARTS)).map(b"".join)
    | st.lists(st.sampled_from(PARTS)).map(lambda of: b"From:" + b"".join(of))
)
@example(b"\xff" * 100)
@example(b"Subject: =?utf-8?q?=?==")
def test_no_bytes_upset_the_reader(raw: bytes) -> None:
    headers = headers_of(raw)
    assert (
        headers.subject.isprintable() or "\u200c" in headers.subject or "\u200d" in headers.subject or "\ufffd" in headers.subject
    )
    assert len(headers.subject) <= LONGEST_SUBJECT
    assert headers.message_id is None or 0 < len(headers.message_id) <= LONGEST_MESSAGE_ID
    assert headers.author is None or (headers.author.count("@") == 1 and headers.author.isprintable())


@given(st.text(max_size=80))
def test_no_name_in_quotation_marks_becomes_the_author(name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    assert author_of(f'"{quoted}" <{MALLORY}>') in {MALLORY, None}


@pytest.mark.parametrize(
    "sign", ["(", ")", '"', "\\", ";", " ", "<", "@", ".", "=?", "=?a?q? ", "=?a?q?b?= ", "a.", "\n ", "\n", "a\n", "\r"]
)
@pytest.mark.parametrize("name", ["From: ", "From: lea@", "Subject: ", "Message-ID: ", "X"])
def test_the_time_does_not_grow_with_the_square(name: str, sign: str) -> None:
    started = time.process_time()
    headers = headers_of((name + sign * (200_000 // len(sign))).encode())
    assert headers.author is None
    assert headers.subject is not None
    assert headers.message_id is None or name == "Message-ID: "
    pieces(sign * (200_000 // len(sign)))
    assert time.process_time() - started < 10  # with the square it would be minutes
