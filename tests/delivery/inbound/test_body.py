"""From the bytes of a mail to its text, whoever wrote them: nothing raises, and nothing takes long."""

import time
from base64 import b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from delivery.inbound.body import MOST_CHARACTERS, Body, body_of
from delivery.inbound.parts import MOST_DEPTH, MOST_PARTS

PNG = b"Content-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n"
MIXED = b'Content-Type: multipart/mixed; boundary="b"\n\n'
GENEROUS = 5  # seconds of this process, for what takes a tenth of one; what grows with the square takes minutes
LARGE = 1_000_000


def plain(content: bytes, parameters: bytes = b"", encoding: bytes = b"8bit") -> str:
    head = b"Content-Type: text/plain" + parameters + b"\nContent-Transfer-Encoding: " + encoding
    return body_of(head + b"\n\n" + content).text


def page(content: str) -> str:
    return body_of(b"Content-Type: text/html; charset=utf-8\n\n" + content.encode()).text


def parts(*found: bytes, kind: bytes = b"mixed") -> Body:
    return body_of(MIXED.replace(b"mixed", kind) + b"".join(b"--b\n" + part + b"\n" for part in found) + b"--b--\n")


def part(kind: bytes, content: bytes, more: bytes = b"") -> bytes:
    return b"Content-Type: " + kind + b"\n" + more + b"\n" + content


def within(seconds: float, raw: bytes) -> Body:
    began = time.process_time()
    body = body_of(raw)
    assert time.process_time() - began < seconds
    return body


# Charsets and encodings


@pytest.mark.parametrize(("content", "charset"), [
    ("été €".encode(), b"; charset=utf-8"),
    ("été €".encode(), b"; charset=iso-8859-1"),
    ("été €".encode(), b"; charset=us-ascii"),
    ("été €".encode(), b""),
    ("été €".encode(), b"; charset=x-unknown"),
    ("été €".encode(), b"; charset=punycode"),
    ("été €".encode(), b"; charset=hex"),
    ("été €".encode(), b'; charset="utf\xff8"'),
    ("été €".encode("cp1252"), b""),
    ("été €".encode("cp1252"), b"; charset=iso-8859-1"),
    ("été €".encode("cp1252"), b"; charset=utf-8"),
    ("été €".encode("iso-8859-15"), b"; charset=iso-8859-15"),
    ("été €".encode("utf-16"), b"; charset=utf-16"),
    ("été €".encode("utf-7"), b"; charset=utf-7"),
    ("\ufeffété €".encode(), b"; charset=utf-8"),
])  # fmt: skip
def test_a_text_is_read_however_its_charset_is_named(content: bytes, charset: bytes) -> None:
    assert plain(content, charset) == "été €"


def test_what_no_charset_explains_still_shows_what_it_can() -> None:
    assert plain(b"caf\xe9 \x81 !", b"; charset=utf-8") == "café \N{REPLACEMENT CHARACTER} !"


@pytest.mark.parametrize(("content", "encoding"), [
    (b"Qm9uam91ciA6IG91aS4=", b"base64"),
    (b"Qm9uam91ciA6IG91aS4", b"BASE64"),
    (b"Qm9u\nam91!ciA6\n\nIG91 aS4=\n", b"base64"),
    (b"Qm9uam91\n=ciA6IG91aS4=", b"base64"),
    (b"Bonjour : oui.", b"base64"),
    (b"Bonjour =3A oui.", b"quoted-printable"),
    (b"Bon=\njour : oui.=", b"quoted-printable"),
    (b"Bonjour : oui.", b"x-nonsense"),
    (b"Bonjour : oui.", b"\xff\xfe"),
])  # fmt: skip
def test_broken_encodings_lose_no_words(content: bytes, encoding: bytes) -> None:
    assert plain(content, encoding=encoding) == "Bonjour : oui."


def test_half_a_sign_of_quoted_printable_stays() -> None:
    assert plain(b"a =ZZ =4 =", encoding=b"quoted-printable") == "a =ZZ =4 "


@pytest.mark.parametrize("ends", [b"\r\n", b"\n", b"\r"])
def test_all_line_ends_are_one(ends: bytes) -> None:
    assert plain(ends.join([b"un", b"deux", b"", b"trois"])) == "un\ndeux\n\ntrois"
    assert body_of(ends.join([b"Content-Type: text/plain", b"", b"un", b"deux"])).text == "un\ndeux"


def test_control_characters_go() -> None:
    assert plain(b"a\x00b\x07\tc\x1b[31m\x7f") == "ab\tc[31m"
    assert page("a&#0;b&#7;\u2028c") in {"ab\nc", "a\N{REPLACEMENT CHARACTER}b\nc"}


def test_a_long_text_is_cut() -> None:
    assert len(plain(b"a " * MOST_CHARACTERS)) == MOST_CHARACTERS
    assert len(page("a " * MOST_CHARACTERS)) <= MOST_CHARACTERS


@pytest.mark.parametrize(("content", "parameters", "text"), [
    (b"une \nphrase \ncoup\xc3\xa9e\nune autre", b"", "une phrase coupée\nune autre"),
    (b"une \nphrase", b"; delsp=yes", "unephrase"),
    (b"> une \n> phrase\n>> autre \nmoi", b"", "> une phrase\n>> autre \nmoi"),
    (b" > pas une citation\n  deux", b"", "> pas une citation\n deux"),
    (b"fin \n-- \nL\xc3\xa9a \nMartin", b"", "fin \n-- \nLéa Martin"),
])  # fmt: skip
def test_flowed_lines_are_joined(content: bytes, parameters: bytes, text: str) -> None:
    assert plain(content, b"; format=flowed" + parameters) == text


def test_lines_are_not_joined_unasked() -> None:
    assert plain(b"une \nphrase") == "une \nphrase"


# Parts


def test_plain_text_is_preferred() -> None:
    assert parts(part(b"text/html", b"<p>page</p>"), part(b"text/plain", b"texte"), kind=b"alternative").text.strip() == "texte"


@pytest.mark.parametrize("empty", [b"", b" \n\n", "\xa0".encode()])
def test_a_page_is_read_where_the_text_is_empty(empty: bytes) -> None:
    found = parts(part(b"text/plain; charset=utf-8", empty), part(b"text/html", b"<p>page</p>"), kind=b"alternative")
    assert found.text.strip() == "page"


def test_texts_around_pictures_are_joined() -> None:
    body = parts(part(b"text/plain", b"avant"), PNG, part(b"text/plain", b"apr\xe8s"))
    assert body.text.split() == ["avant", "après"]
    assert body.attachments == ("image/png",)


def test_all_that_is_attached_is_named() -> None:
    body = parts(
        part(b"text/plain", b"voici"),
        part(b"text/calendar; method=REPLY", b"BEGIN:VCALENDAR"),
        part(b'text/vcard; name="lea.vcf"', b"BEGIN:VCARD"),
        part(b"text/plain", b"notes", b'Content-Disposition: attachment; filename="notes.txt"\n'),
        part(b"application/pdf", b"", b"Content-Disposition: attachment; filename*=utf-8''cong%C3%A9s.pdf\n"),
        part(b'application/pdf; name="=?utf-8?Q?cong=C3=A9s.pdf?="', b""),
        part(b'application/pdf; name="cong\xc3\xa9s.pdf"', b""),
        part(b"message/rfc822", b"Subject: x\nContent-Type: text/plain\n\ntransmis"),
    )
    names = ("text/calendar", "lea.vcf", "notes.txt", "congés.pdf", "congés.pdf", "congés.pdf", "message/rfc822")
    assert (body.text.strip(), body.attachments) == ("voici", names)


@pytest.mark.parametrize(("name", "shown"), [
    ("a" * 200, "a" * 80), ("gpj.\u202eexe", "gpj.exe"), ("a\x07\x00b", "ab"), ("", "image/png"), ("\u202e", "image/png"),
    ("=?utf-8?B?!!!?=", None), ("=?x-unknown?Q?a?=", None), ("a\r\n b.png", None),
])  # fmt: skip
def test_names_are_short_and_show_what_they_are(name: str, shown: str | None) -> None:
    disposition = f'Content-Disposition: attachment; filename="{name}"\n'.encode()
    (found,) = parts(part(b"image/png", b"", disposition)).attachments
    assert found == shown or shown is None
    assert 0 < len(found) <= 80
    assert found.isprintable()


def test_a_mail_without_headers_is_text() -> None:
    assert body_of(b"Bonjour\n\nOui.").text == "Bonjour\n\nOui."
    assert body_of(b"\nBonjour").text == "Bonjour"
    assert body_of(b"Subject: x").text == body_of(b"").text == ""


def test_parts_are_found_without_a_boundary_that_fits() -> None:
    content = b"--x\n\nbonjour\n--x--\n"
    assert body_of(b"Content-Type: multipart/mixed\n\n" + content).text == "bonjour"
    assert body_of(b"Content-Type: multipart/mixed; boundary=y\n\n" + content).text == "bonjour"
    assert body_of(b"Content-Type: multipart/mixed; boundary=y\n\nbonjour").text == "bonjour"
    assert body_of(b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\nbonjour").text == "bonjour"


def test_a_boundary_that_begins_like_another_is_another() -> None:
    inner = b'Content-Type: multipart/mixed; boundary="b1"\n\n--b1\n\nun\n--b1\n\ndeux\n--b1--\n'
    assert parts(inner, part(b"text/plain", b"trois")).text.split() == ["un", "deux", "trois"]


def test_no_more_parts_are_read_than_a_mail_has() -> None:
    assert len(parts(*[PNG] * 300).attachments) == MOST_PARTS - 1


@pytest.mark.parametrize("depth", [MOST_DEPTH - 1, 1000])
def test_nested_parts_are_read_to_a_depth(depth: int) -> None:
    heads = b"".join(b'Content-Type: multipart/mixed; boundary="b%04d"\n\n--b%04d\n' % (n, n) for n in range(depth))
    assert body_of(heads + b"\nbonjour").text == ("bonjour" if depth < MOST_DEPTH else "")


def test_nested_mails_are_not_opened() -> None:
    assert body_of(b"Content-Type: message/rfc822\n\n" * 1000 + b"x") == Body("", ("message/rfc822",))


# Pages


@pytest.mark.parametrize(("html", "text"), [
    ("<p>un</p><p>deux</p>", "un\n\ndeux"),
    ("<div>un</div><div>deux</div><div><br></div><div>trois<br></div>", "un\ndeux\n\ntrois"),
    ("un<br>deux<br/>trois</br>quatre", "un\ndeux\ntrois\nquatre"),
    ("<p class=MsoNormal>un</p>\n<p class=MsoNormal>deux</p>", "un\ndeux"),
    ("  une\n   phrase  <b>grasse</b> ", "une phrase grasse"),
    ("&eacute;t&#233;&nbsp;&amp;\xa0&lt;b&gt; &euro;", "été & <b> €"),
    ("<ul><li>un<li>deux</ul><ol><li>a</li><li>b</li></ol>fin", "- un\n- deux\n\n1. a\n2. b\n\nfin"),
    ("<pre>a\n  b</pre>", "a\n  b"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
    ("<head><title>t</title><style>p {}</style></head><body>oui", "oui"),
    ("<head><title>t<body>oui", "oui"),
    ("<script>if (a < b) { document.write('<p>x</p>') }</script>oui<style><!-- p > b {} --></style>", "oui"),
    ('<div style="display: none">caché</div><span hidden>là</span>oui', "oui"),
    ("oui<!-- non --><![if !mso]>, oui<![endif]><!--[if mso]>non<![endif]-->", "oui, oui"),
    ("oui <!-- et la suite", "oui <!-- et la suite"),
    ("j'ai <3 et lea@<x> et <lea@x.test> a<b", "j'ai <3 et lea@ et <lea@x.test> a<b"),
    ("<img src='data:image/png;base64,AAAA' alt='photo'><img alt='😀'>", "😀"),
    ("a<blockquote>b<blockquote>c</blockquote>d</blockquote>e", "a\n\n> b\n>\n> > c\n>\n> d\n\ne"),
    ("a<blockquote style='border:none'>b</blockquote>c", "a\n\nb\n\nc"),
    ("a<div class='yahoo_quoted'><div>b</div></div>c", "a\n> b\nc"),
    ("a</div></blockquote></p>b", "a\n\nb"),
    ("<span>-- </span><br>Léa", "-- \nLéa"),
])  # fmt: skip
def test_a_page_becomes_lines(html: str, text: str) -> None:
    assert page(html) == text


# Whatever comes


@given(st.binary(max_size=300))
@example(b"Content-Type: multipart/mixed; boundary*0*=x''%ff; boundary*1=b\n\n--b\n\nx")
@example(b"Content-Type: text/plain; charset*=utf-9''%ff\n\n\xff")
@example(b"Content-Type: ;;;=\nContent-Disposition: attachment; filename*9*='\n\nx")
@example(b"Content-Disposition: attachment; filename==?utf-8?B?=?=\n\nx")
@example(b"Content-Type: text/html; charset=idna\n\n<a b='")
def test_no_bytes_raise(raw: bytes) -> None:
    body = body_of(raw)
    assert all(sign in "\n\t" or sign.isprintable() or ord(sign) > 0x9F for sign in body.text)


@given(st.lists(st.sampled_from([
    b"Content-Type: ", b"multipart/mixed", b"multipart/alternative", b"text/plain", b"text/html", b"message/rfc822",
    b"; boundary=b", b"; boundary", b"; charset=", b"utf-8", b"utf-16", b"idna", b"Content-Transfer-Encoding: ", b"base64",
    b"quoted-printable", b"\n", b"\n\n", b"\r\n", b"--b", b"--b--", b" ", b"<p>", b"<blockquote>", b"</div>", b"<!--", b"=",
    b"\xff", b"\0", b"QUJD", b'"', b"*0*=", b"Content-Disposition: attachment; filename", b"=?utf-8?q?", b"''", b"%e9",
    b"> ", b"; format=flowed", b"&#x110000;", b"<![CDATA[",
]), max_size=60).map(b"".join))  # fmt: skip
def test_no_mail_raises(raw: bytes) -> None:
    body = body_of(raw)
    assert all(0 < len(name) <= 80 for name in body.attachments)
    assert "\r" not in body.text


@pytest.mark.parametrize("piece", [
    b"<b>", b"<", b"<a", b"<a ", b"<!--", b"<!", b"<![CDATA[", b"<?", b"</", b"</a", b"<a b='", b"<a \"'", b"<a b=c ", b"&",
    b"&#x1", b"<style>", b"<title>", b"<div>", b"</div>", b"<p>x", b"<blockquote>x", b"<td>", b"<ol>", b"<pre>\n", b" ", b"\n",
    b'src="data:', b"<div hidden>", b'<a b="<" ',
], ids=repr)  # fmt: skip
def test_large_pages_take_no_longer_than_they_are(piece: bytes) -> None:
    assert len(within(GENEROUS, b"Content-Type: text/html\n\n" + piece * (LARGE // 20 // len(piece))).text) <= MOST_CHARACTERS


def test_a_page_of_100_000_nested_tags_is_read() -> None:
    assert within(GENEROUS, b"Content-Type: text/html\n\noui" + b"<b>" * 100_000 + b"x" + b"</b>" * 100_000).text.startswith(
        "oui"
    )


@pytest.mark.parametrize("raw", [
    b"X: " + b"a" * LARGE + b"\n\nx",
    b"X: a\n" + b" a\n" * (LARGE // 3) + b"\nx",
    b"X: a\n" * (LARGE // 5) + b"\nx",
    b"Content-Type: a\n" + b" ;\n" * (LARGE // 3) + b"\nx",
    b"X: a\n\n" + b"\r" * LARGE,
    b"\0" * LARGE,
    MIXED + b"--b\n\nx\n" * (LARGE // 8),
    MIXED + (b"--b\nContent-Type: image/png" + b'";' * 2000 + b"\n\n") * MOST_PARTS,
    b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(100)) + b"\n\nx\n" * (LARGE // 4),
    b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + b64encode(b"oui\n" * (LARGE // 4)),
    b"Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n" + b"=" * LARGE,
    b"Content-Type: text/plain; charset=punycode\n\n" + b"a-" * (LARGE // 2),
    b"Content-Type: text/plain; format=flowed\n\n" + b"> x \n" * (LARGE // 5),
    b"Content-Type: text/plain; format=flowed\n\n" + b">" * LARGE,
    b"Content-Type: text/html\n\n" + b"<img src='data:image/png;base64," + b"A" * LARGE + b"'>",
], ids=range(15))  # fmt: skip
def test_large_mails_take_no_longer_than_they_are(raw: bytes) -> None:
    body = within(GENEROUS, raw)
    assert len(body.text) <= MOST_CHARACTERS
    assert len(body.attachments) <= MOST_PARTS
