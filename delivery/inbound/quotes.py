"""What a person wrote themselves: an answer without the letter that it answers, and without signatures.

Whole lines are kept or left out, in a few passes over the text that each take linear time. Where a line may be the person's,
it is kept: words that are lost are worse than a quote that is shown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

__all__ = ["own_words"]

LONGEST_LINE = 500  # characters of a line that are looked at
MOST_INTRODUCING = 4  # lines
MOST_HEADERS = 12  # lines of a header block
LONGEST_SENT_FROM = 250
LONGEST_CLAUSE = 60  # lines of a disclaimer
LONGEST_INTRODUCTION = 400
LONGEST_SIGNATURE = 5  # lines below a `--` that has lost its space
LONGEST_OF_SIGNATURE = 60  # characters of each

_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u202a-\u202e\u2066-\u2069]")
_QUOTE = re.compile(r"\s{0,3}>(?!\s{0,2}[:;=8xX]['’]?-?[()/\\DPpOo|*]|[._-]+<)")

_WROTE = r"(?:a\s+[ée]crit|wrote|(?:a\s+)?r[ée]pondu|schrieb|escribi[óo]|ha scritto|escreveu|schreef)"
_INTRODUCTION = re.compile(
    rf"[\s*_|]*(?:Le|On|Am|El|Il|Em|Op)\b.{{5,390}}?\s{_WROTE}(?:\s(?:le|on)\s.{{4,60}})?\s?:?[\s*_]*", re.IGNORECASE
)
_ADDRESSED = re.compile(
    rf"[^<>@]{{0,80}}<[^<>@\s]{{1,100}}@[^<>\s]{{1,200}}>\s{_WROTE}(?:\s(?:le|on)\s.{{4,60}})?\s?:[\s*_]*", re.IGNORECASE
)
_ADDRESS = re.compile(r"[<(\[]\s?(?:mailto:)?[^\s<>@]{1,100}@[^\s<>@]{1,200}")
_MOMENT = re.compile(r"\d{1,2}\s?[:hH.]\s?\d{2}|\d{1,4}[/.-]\d{1,2}[/.-]\d{2,4}|\b(?:19|20)\d\d\b")

_FIELD = re.compile(
    r"[\s*_]*(?P<name>de|from|exp[ée]diteur|von|envoy[ée](?:\s+le)?|sent|date|gesendet|re[çc]u|[àa]|pour|to|destinataires?|an"
    r"|objet|subject|sujet|betreff|cc|cci|copie(?:\s+[àa])?|r[ée]pondre\s+[àa]|reply-to|importance|pi[èe]ces?\s+jointes?)"
    r"[\s*_]*:",
    re.IGNORECASE,
)
_ROLES = {
    "de": "from", "from": "from", "expéditeur": "from", "expediteur": "from", "von": "from",
    "envoyé": "sent", "envoye": "sent", "envoyé le": "sent", "sent": "sent", "date": "sent", "gesendet": "sent",
    "à": "to", "a": "to", "pour": "to", "to": "to", "destinataire": "to", "destinataires": "to", "an": "to",
    "objet": "subject", "subject": "subject", "sujet": "subject", "betreff": "subject",
}  # fmt: skip
_ALL_FIELDS = re.compile(
    r"[\s*_]*(?:de|from)\s?:.{1,300}\b(?:envoy[ée]|sent|date)\s?:.{1,300}\b(?:objet|subject)\s?:", re.IGNORECASE
)
_SEPARATOR = re.compile(
    r"[-_=*]{2,}\s?(?:original\s(?:message|e?-?mail|appointment)|(?:message|mail|courriel|e-mail)\s(?:d['’]origine|original|initial"
    r"|transf[ée]r[ée]|r[ée]exp[ée]di[ée])|forwarded\smessage|(?:urspr[üu]ngliche\s)?nachricht)[^-_=*]{0,80}[-_=*]{2,}",
    re.IGNORECASE,
)
_ANNOUNCEMENT = re.compile(
    r"(?:d[ée]but\sdu\smessage\s(?:transf[ée]r[ée]|r[ée]exp[ée]di[ée])|begin\sforwarded\smessage"
    r"|message\sdu\s\d{1,2}/\d{1,2}/\d{2,4}(?:\s[àa])?\s\d{1,2}:\d{2}|message\s(?:d['’]origine|original)|original\smessage)\s?:?",
    re.IGNORECASE,
)
_RULE = re.compile(r"[-_=*\u2500-\u2501\u2014]{10,}")
_LETTER_END = re.compile(r"(?:pas un service d['’]urgence|not an emergency service)\s?\.?\Z", re.IGNORECASE)

_DEVICE = (
    r"\b(?:iphone|ipad|ipod|mac|macbook|apple|outlook|yahoo|aol|proton\s?mail|proton|mail|samsung|galaxy|android|appareil|mobile"
    r"|smartphone|t[ée]l[ée]phone|portable|tablette|huawei|honor|xiaomi|redmi|poco|oppo|pixel|oneplus|nokia|xperia|blackberry"
    r"|orange|sfr|bouygues|free|la\sposte|laposte|windows|courrier|gmail|gmx|infomaniak|fairemail|k-9|thunderbird|bluemail|spark"
    r"|phone|device|tablet|handset)\b"
)
_SENT_FROM = re.compile(
    rf"[\s*_~|]*(?:envoy[ée]e?|exp[ée]di[ée]|sent|gesendet)\s(?:de|d['’]|depuis|[àa]\spartir\s(?:de|d['’])|avec|via|par|from|with|"
    rf"using|by|von|mit)\s?.{{0,40}}?{_DEVICE}[^,;:!?]{{0,45}}"
    r"(?:[,.!]\s?(?:d[ée]sol|merci\sd['’]excuser|veuillez|excus|pardon|please|sorry).{0,120}|<?https?:\S{1,200}|\[https?:.{1,200})?",
    re.IGNORECASE,
)
_ADVERT = re.compile(
    r"[\s*_]*(?:(?:t[ée]l[ée]charge[rz]|obten(?:ir|ez)|get|download)\s(?:l['’]application\s)?(?:outlook|bluemail|spark|yahoo\smail"
    r"|proton\smail|mail\sorange)\b.{0,60}(?:<?https?:\S{1,200})?|provenance\s?:\s?courrier.{0,60}|<?https?://aka\.ms/\S{1,100}"
    r"|(?:garanti\s)?sans\svirus\s?\.?\s?(?:<?https?:\S{1,200}|www\.avast\.com.{0,200})|virus-free\s?\.?\s?(?:www\.avast\.com.{0,200})"
    r"|<#\w{8}-\S{10,80}>|(?:yahoo|sfr)\smail\s?:\s.{5,80})",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[\s*_\"«(]*(?:(?:ce|cet|le\spr[ée]sent)\s(?:message|courriel|e-?mail|courrier|mail|m[ée]l)\b"
    r"|(?:les|l['’])\s?informations?\scontenues?\sdans\sce|this\s(?:e-?mail|message|communication|transmission)\b"
    r"|the\s(?:information|content|contents)\s.{0,40}(?:e-?mail|message|communication)"
    r"|avis\sde\sconfidentialit|confidentialit[yé]\s?(?:notice)?\s?:?|disclaimer|avertissement\s?:|important\s(?:notice\s?)?:)",
    re.IGNORECASE,
)
_CLAUSE_WORDS = re.compile(
    r"confidentiel|confidential|privileged|destinataire|recipient|addressee|pi[èe]ces?\sjointes?|attachment|par\serreur|in\serror"
    r"|d[ée]trui|supprimer|delete|destroy|interdit|prohibited|unauthori[sz]ed|autoris|virus|alt[ée]r|responsabilit|liability|liable"
    r"|divulgation|disclos|diffusion|dissemination",
    re.IGNORECASE,
)
_PRINTING = re.compile(
    r"[\s*_\W]*(?:avant\sd['’]imprimer|pensez\s[àa]\sl['’]environnement|(?:please\s)?(?:consider|think\sof)\sthe\senvironment"
    r"|n['’]imprimez\sce).{0,160}",
    re.IGNORECASE,
)


def own_words(text: str) -> str:
    """The lines that the person wrote, in order. Parts between which something was left out stand an empty line apart."""
    mail = _Mail(text.split("\n"))
    mail.drop_quotes()
    mail.drop_signatures()
    mail.drop_clauses()
    return "\n\n".join(mail.parts())


@dataclass(repr=False)
class _Mail:
    """The lines of a text, as they are and as they are looked at, and which of them are not the person's own."""

    lines: list[str]
    bare: list[str] = field(init=False)
    is_quote: list[bool] = field(init=False)
    dropped: list[bool] = field(init=False)
    following: list[int] = field(init=False)
    """For each line, the first from there that is not empty."""

    def __post_init__(self) -> None:
        self.bare = [" ".join(_INVISIBLE.sub("", line[:LONGEST_LINE]).split()) for line in self.lines]
        self.is_quote = [_QUOTE.match(line) is not None for line in self.lines]
        self.dropped = [False] * len(self.lines)
        self.following = list(_following(self.bare))

    def parts(self) -> Iterator[str]:
        for is_dropped, numbers in groupby(range(len(self.lines)), key=self.dropped.__getitem__):
            found = _trimmed([self.lines[number] for number in numbers])
            if found and not is_dropped:
                yield "\n".join(found)

    def drop(self, first: int, end: int) -> None:
        self.dropped[first:end] = [True] * (end - first)

    def is_own(self, number: int) -> bool:
        return number < len(self.lines) and not self.dropped[number] and bool(self.bare[number])

    # Quotes

    def drop_quotes(self) -> None:
        """The last letter that begins without `>` ends where the letter itself does, or with the mail."""
        begins = list(self._openings())
        if begins or sum(self.is_quote) > 1 or not any(self.bare[n] and not q for n, q in enumerate(self.is_quote)):
            self.dropped = list(self.is_quote)
        for first, end in begins:
            self.drop(self._rule_above(first), end)
        self._cut([end for _, end in begins])

    def _openings(self) -> Iterator[tuple[int, int]]:
        end = 0
        for number in range(len(self.lines)):
            found = self._opening(number) if number >= end else None
            if found:
                end = found[1]
                yield found

    def _cut(self, ends: list[int]) -> None:
        start = next((end for end in ends if not self._is_quote_next(end)), None)
        if start is None:
            return
        letter_end = self._letter_end(start)
        if letter_end is not None:
            self.drop(start, letter_end)
        elif self._is_answered_above(start):
            self.drop(start, len(self.lines))

    def _is_answered_above(self, start: int) -> bool:
        """Whether the person wrote something above, other than what presents what follows."""
        last = next(filter(self.is_own, reversed(range(start))), None)
        return last is not None and not self.bare[last].endswith(":")

    def _letter_end(self, start: int) -> int | None:
        """The line after the last letter of ours that is quoted from here on."""
        for number in range(len(self.lines) - 1, start - 1, -1):
            said = self.bare[number]
            broken = f"{self.bare[number - 1]} {said}" if number > start else said
            if said and (_LETTER_END.search(said[-60:]) or _LETTER_END.search(broken[-60:])):
                return number + 1
        return None

    def _is_quote_next(self, number: int) -> bool:
        """Whether the next line that says something is a quoted one; so it is if nothing follows."""
        following = self.following[number]
        return following == len(self.lines) or self.is_quote[following]

    def _rule_above(self, first: int) -> int:
        number = first - 1
        while number >= 0 and number >= first - 3 and not self.bare[number]:
            number -= 1
        return number if number >= 0 and _RULE.fullmatch(self.bare[number]) else first

    def _opening(self, number: int) -> tuple[int, int] | None:
        """Which lines introduce a quote, if they end (or, for headers, begin) with this one."""
        if self.is_quote[number] or not self.bare[number]:
            return None
        return self._separator(number) or self._headers(number) or self._introduction(number)

    def _separator(self, number: int) -> tuple[int, int] | None:
        said = self.bare[number]
        if _SEPARATOR.fullmatch(said):
            return number, self._after_headers(number + 1)
        after = self.following[number + 1]
        if _ANNOUNCEMENT.fullmatch(said) and after < len(self.lines) and (_FIELD.match(self.bare[after]) or self.is_quote[after]):
            return number, self._after_headers(number + 1)
        return None

    def _after_headers(self, number: int) -> int:
        fields = self._fields(self.following[number])
        return fields[-1] + 1 if len(fields) >= 2 else number

    def _headers(self, number: int) -> tuple[int, int] | None:
        if _ALL_FIELDS.match(self.bare[number]):
            return number, number + 1
        if not _FIELD.match(self.bare[number]):
            return None
        fields = self._fields(number)
        roles = {_role(self.bare[found]) for found in fields}
        said = " ".join(self.bare[number : fields[-1] + 2])
        is_block = roles >= {"from", "subject"} and ("sent" in roles or "@" in said) and len(fields) >= 3
        return (number, self._with_value(fields[-1])) if is_block else None

    def _with_value(self, number: int) -> int:
        """The line after a field, whose value may stand on a line of its own."""
        is_alone = self.bare[number].rstrip(" *_").endswith(":") and number + 1 < len(self.lines)
        return number + 2 if is_alone and self.bare[number + 1] and not self.is_quote[number + 1] else number + 1

    def _fields(self, number: int) -> list[int]:
        """The lines of a header block that begins here, each at most two lines below the one before; none twice."""
        found: list[int] = []
        roles: set[str] = set()
        for line in range(number, min(number + MOST_HEADERS, len(self.lines))):
            named = _FIELD.match(self.bare[line])
            if named and named["name"].lower() not in roles:
                found.append(line)
                roles.add(named["name"].lower())
            elif found and line - found[-1] > 2:
                break
        return found

    def _introduction(self, number: int) -> tuple[int, int] | None:
        said = self.bare[number]
        if not said.endswith(":") and "crit" not in said[-160:].lower() and "wrote" not in said[-160:].lower():
            return None
        after = self.following[number + 1]
        is_quoted = after < len(self.lines) and self.is_quote[after]
        broken = list(self._ending_with(number))
        return next(((first, number + 1) for is_one in _KINDS for first, said in broken if is_one(said, is_quoted)), None)

    def _ending_with(self, number: int) -> Iterator[tuple[int, str]]:
        """A line, and it with one, two and three before it: clients break what introduces a quote."""
        said = ""
        for first in range(number, max(number - MOST_INTRODUCING, -1), -1):
            said = f"{self.bare[first]} {said}".strip()
            if not self.bare[first] or self.is_quote[first] or len(said) > LONGEST_INTRODUCTION:
                return
            yield first, said

    # Signatures

    def drop_signatures(self) -> None:
        for number, line in enumerate(self.lines):
            if self.is_own(number) and self.bare[number] == "--":
                self._drop_signature(number, is_sure=line.endswith("-- "))
        for number, said in enumerate(self.bare):
            if self.is_own(number) and (_ADVERT.fullmatch(said) or self._is_sent_from(number)):
                self.dropped[number] = True

    def _drop_signature(self, number: int, is_sure: bool) -> None:
        end = number + 1
        while is_sure and end < len(self.lines) and not self.dropped[end]:
            end += 1
        self.drop(number, end if is_sure else self._short_signature(number))

    def _short_signature(self, number: int) -> int:
        """Where a signature ends whose `--` may as well be the person's own line: nothing in it may look like a sentence."""
        end = self.following[number + 1]
        for _ in range(LONGEST_SIGNATURE):
            if not self.is_own(end):
                break
            if len(self.bare[end]) > LONGEST_OF_SIGNATURE or self.bare[end].endswith((".", "!", "?", "…", ":", ",", ";")):
                return number
            end = self.following[end + 1]
        return number if self.is_own(end) or end == self.following[number + 1] else end

    def _is_sent_from(self, number: int) -> bool:
        """A line of its own, of the phone or the client: at an end of a paragraph, where nobody's sentence would stand."""
        if len(self.bare[number]) > LONGEST_SENT_FROM or not _SENT_FROM.fullmatch(self.bare[number]):
            return False
        return number == 0 or not self.is_own(number - 1) or not self.is_own(number + 1)

    # Clauses of employers

    def drop_clauses(self) -> None:
        for first, end in list(self._paragraphs()):
            said = " ".join(self.bare[first : min(end, first + LONGEST_CLAUSE)])
            if _is_clause(said):
                self.drop(first, end)
                self._drop_rules(first, end)

    def _paragraphs(self) -> Iterator[tuple[int, int]]:
        for is_said, numbers in groupby(
            range(len(self.lines)), key=lambda n: self.is_own(n) and not _RULE.fullmatch(self.bare[n])
        ):
            if is_said:
                found = list(numbers)
                yield found[0], found[-1] + 1

    def _drop_rules(self, first: int, end: int) -> None:
        """The lines of dashes or stars that frame a clause, with it."""
        after = self.following[end]
        for number in {self._rule_above(first), after}:
            if number < len(self.lines) and _RULE.fullmatch(self.bare[number]):
                self.dropped[number] = True


def _is_dated(said: str, is_quoted: bool) -> bool:
    """`On … wrote:`, in words that only a client would use."""
    if not _INTRODUCTION.fullmatch(said):
        return False
    return _ADDRESS.search(said) is not None or (is_quoted and _MOMENT.search(said) is not None)


def _is_addressed(said: str, _is_quoted: bool) -> bool:
    return _ADDRESSED.fullmatch(said) is not None


def _is_in_other_words(said: str, is_quoted: bool) -> bool:
    """An address and a moment just above a quote, in whatever language."""
    return is_quoted and said.endswith(":") and _ADDRESS.search(said) is not None and _MOMENT.search(said) is not None


_KINDS = (_is_dated, _is_in_other_words, _is_addressed)


def _following(lines: list[str]) -> list[int]:
    """For each line, and for the end, the first from there that is not empty."""
    found = [len(lines)] * (len(lines) + 2)
    for number in range(len(lines) - 1, -1, -1):
        found[number] = number if lines[number] else found[number + 1]
    return found


def _trimmed(lines: list[str]) -> list[str]:
    said = [number for number, line in enumerate(lines) if line.strip()]
    return lines[said[0] : said[-1] + 1] if said else []


def _role(line: str) -> str:
    named = _FIELD.match(line)
    return _ROLES.get(" ".join(named["name"].lower().split()), "") if named else ""


def _is_clause(said: str) -> bool:
    if _PRINTING.fullmatch(said):
        return True
    return (
        len(said) >= 120 and _CLAUSE.match(said) is not None and len({word.lower() for word in _CLAUSE_WORDS.findall(said)}) >= 3
    )
