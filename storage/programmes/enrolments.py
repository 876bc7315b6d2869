"""Enrolments: who follows which programme, how far they are, and what they received; one row per account and programme.

``next_at`` is when the service looks at an enrolment again. Nothing authenticates it: what is due is worked out then, from what
is authenticated. So whoever can write to the database can have a row looked at too early, which changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction, Value
from storage.engine.rows import ID, NUMBER, TEXT, TIME
from storage.errors import CannotOpen, Damaged
from storage.families import OF_ACCOUNT, BelongsTo, Family, Table
from storage.ids import AccountId
from storage.programmes.schedule import Placed, Point

# Looked at as soon as possible.
AT_ONCE = 0


class State(StrEnum):
    """What becomes of an enrolment. ``STOPPED`` and ``FINISHED`` are final: enrolling again begins another round."""

    FOLLOWING = "following"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"

    @property
    def is_open(self) -> bool:
        """Whether lessons may still come."""
        return self in {State.FOLLOWING, State.PAUSED}


class Outcome(StrEnum):
    """What became of a lesson: a letter, the member's page alone (they want no letters), or it passed while none could go."""

    LETTER = "letter"
    PAGE = "page"
    MISSED = "missed"


@dataclass(frozen=True)
class Enrolment:
    """One round of an account in a programme. Times in ms since 1970; ``point`` is in the member's wall time.

    ``reached`` is the key of the last lesson that came or was missed, in ``version``; empty before the first.
    """

    account: AccountId
    programme: str
    round: int
    enrolled_at: int
    point: Point
    version: int
    state: State = State.FOLLOWING
    reached: str = ""
    changed_at: int = 0

    def cause(self, lesson: str) -> str:
        """What a letter with a lesson of this round is about: no two letters to the account are about the same."""
        about = f"{self.programme}/{lesson}"
        return about if self.round == 1 else f"{about}/{self.round}"

    def moved(self, to: State, now: int) -> "Enrolment":
        """The same in another state."""
        return replace(self, state=to, changed_at=now)

    def past(self, placed: Placed) -> "Enrolment":
        """The same once a lesson is behind."""
        return replace(self, reached=placed.lesson.key, point=self.point._replace(last=placed.wall))


@dataclass(frozen=True)
class Received:
    """A lesson behind somebody. ``at`` in ms since 1970."""

    lesson: str
    at: int
    outcome: Outcome


async def find(reader: Reader, guard: Guard, account: AccountId, programme: str) -> Enrolment | None:
    """The latest round of an account in a programme. Raises CannotOpen when its row is not as the service wrote it."""
    row = await reader.row(
        "select * from enrolments where account = :account and programme = :programme",
        account=account.bytes,
        programme=programme,
    )
    return _enrolment(guard, row) if row else None


async def of_account(reader: Reader, guard: Guard, account: AccountId) -> list[Enrolment]:
    """All of an account, by programme. One that was tampered with raises the alarm and is left out."""
    found = await reader.rows("select * from enrolments where account = :account order by programme", account=account.bytes)
    return rows.sound("enrolments", found, lambda row: _enrolment(guard, row))


async def keep(tx: Transaction, guard: Guard, enrolment: Enrolment, next_at: int | None) -> None:
    """Store an enrolment, replacing the round before; it is looked at again at ``next_at``."""
    values = _values(guard, enrolment)
    columns = ", ".join(values)
    changes = ", ".join(f"{name} = excluded.{name}" for name in values if name not in {"account", "programme"})
    await tx.run(
        f"insert into enrolments ({columns}, next_at) values (:{', :'.join(values)}, :next_at)"  # noqa: S608 (made of the above)
        f" on conflict (account, programme) do update set {changes}, next_at = excluded.next_at",
        **values, next_at=next_at,
    )  # fmt: skip


async def move(tx: Transaction, guard: Guard, enrolment: Enrolment, next_at: int | None) -> None:
    """Store how far somebody is in the present round."""
    values = _values(guard, enrolment)
    await tx.run(
        "update enrolments set state = :state, shift = :shift, version = :version, reached = :reached, last_wall = :last_wall,"
        " changed_at = :changed_at, proof = :proof, next_at = :next_at where account = :account and programme = :programme",
        **{name: value for name, value in values.items() if name not in {"round", "enrolled_at", "began_on"}},
        next_at=next_at,
    )


async def put_off(tx: Transaction, enrolment: Enrolment, next_at: int | None) -> None:
    """Look at an enrolment again at another time; at None, only when something about it changes."""
    await tx.run(
        "update enrolments set next_at = :next_at where account = :account and programme = :programme",
        next_at=next_at, account=enrolment.account.bytes, programme=enrolment.programme,
    )  # fmt: skip


_DUE = "from enrolments where next_at <= :now order by next_at, account, programme limit"


async def is_due(reader: Reader, now: int) -> bool:
    """Whether there is an enrolment to look at; asked without involving the writer."""
    return await reader.row(f"select 1 {_DUE} 1", now=now) is not None


async def take_due(tx: Transaction, guard: Guard, now: int, most: int) -> list[Enrolment]:
    """The enrolments to look at, those due the longest first, at most ``most``.

    A damaged row raises the alarm and is put aside, so that it holds up nobody else; `ailo check` reports it.
    """
    found, damaged = [], []
    for at, row in enumerate(await tx.rows(f"select * {_DUE} :most", now=now, most=most)):
        try:
            found.append(_enrolment(guard, row))
        except CannotOpen as error:
            rows.alert("enrolments", row, error)
            damaged.append(at)
    for at in reversed(damaged):  # from the last, so that the places of the others stay
        await _put_aside(tx, now, at)
    return found


async def _put_aside(tx: Transaction, now: int, at: int) -> None:
    """Take the row at this place out of those that are due. Its key may be anything: it is not compared with what was read."""
    there = f"{_DUE} 1 offset :at"
    await tx.run(
        "update enrolments set next_at = null where account is not distinct from (select account "  # noqa: S608 (a constant)
        f"{there}) and programme is not distinct from (select programme {there})",
        now=now, at=at,
    )  # fmt: skip


async def look_again(tx: Transaction, account: AccountId) -> None:
    """Look again, soon, at what an account follows: its zone, language or preferences have changed."""
    await tx.run(
        "update enrolments set next_at = 0 where account = :account and next_at > 0 and state = 'following'",
        account=account.bytes,
    )


async def look_again_at_all(tx: Transaction, programme: str) -> None:
    """Look again, soon, at everybody who follows a programme: it has changed."""
    await tx.run("update enrolments set next_at = 0 where programme = :programme and state = 'following'", programme=programme)


async def note(tx: Transaction, enrolment: Enrolment, lesson: str, outcome: Outcome, now: int) -> bool:
    """Record what became of a lesson. False, with nothing changed, when that was recorded before: it never comes twice."""
    noted = await tx.run(
        "insert into lessons_received (account, programme, round, lesson, at, outcome)"
        " values (:account, :programme, :round, :lesson, :now, :outcome)"
        " on conflict (account, programme, round, lesson) do nothing",
        account=enrolment.account.bytes, programme=enrolment.programme, round=enrolment.round,
        lesson=lesson, now=now, outcome=outcome.value,
    )  # fmt: skip
    return bool(noted)


async def received(reader: Reader, enrolment: Enrolment) -> list[Received]:
    """What came, or was missed, in this round, the first first."""
    found = await reader.rows(
        "select * from lessons_received where account = :account and programme = :programme and round = :round"
        " order by at, lesson",
        account=enrolment.account.bytes, programme=enrolment.programme, round=enrolment.round,
    )  # fmt: skip
    return rows.sound("lessons_received", found, _received)


async def received_before(reader: Reader, enrolment: Enrolment) -> set[str]:
    """The keys of what came, or was missed, in earlier rounds."""
    found = await reader.rows(
        "select distinct lesson from lessons_received where account = :account and programme = :programme and round < :round",
        account=enrolment.account.bytes, programme=enrolment.programme, round=enrolment.round,
    )  # fmt: skip
    return set(rows.sound("lessons_received", found, lambda row: rows.text(row, "lesson")))


async def counts(reader: Reader, programme: str) -> dict[tuple[State, str], int]:
    """How many people are in which state and at which lesson. Not verified: for an overview."""
    found = await reader.rows(
        "select state, reached, count(*) as count from enrolments where programme = :programme group by state, reached",
        programme=programme,
    )
    return {(State(row["state"]), row["reached"]): row["count"] for row in found if row["state"] in set(State)}


@dataclass(frozen=True)
class End:
    """A round that came to its last lesson. ``at`` in ms since 1970."""

    programme: str
    round: int
    at: int


async def ends_of(reader: Reader, accounts: Iterable[AccountId]) -> dict[AccountId, list[End]]:
    """The rounds that each of these accounts has come to the end of. Not verified: nothing is sent that depends on it alone."""
    ids = [account.bytes for account in accounts]
    found = await reader.rows_in(
        "select account, programme, round, changed_at from enrolments where account in :values and state = 'finished'", ids
    )
    ends: dict[AccountId, list[End]] = {}
    for account, end in rows.sound("enrolments", found, _end):
        ends.setdefault(account, []).append(end)
    return ends


def _end(row: Row) -> tuple[AccountId, End]:
    return rows.account_id(row, "account"), End(
        rows.text(row, "programme"), rows.number(row, "round"), rows.time(row, "changed_at")
    )


async def exists(reader: Reader, account: AccountId, programme: str) -> bool:
    """Whether an account follows a programme, or did once. Not verified, as ``is_round_open``."""
    row = await reader.row(
        "select 1 from enrolments where account = :account and programme = :programme",
        account=account.bytes, programme=programme,
    )  # fmt: skip
    return row is not None


async def is_round_open(reader: Reader, account: AccountId, programme: str, round_: int) -> bool:
    """Whether a lesson of this round may still be sent. Not verified: for a letter that is then read with care."""
    row = await reader.row(
        "select 1 from enrolments where account = :account and programme = :programme and round = :round"
        " and state in ('following', 'finished')",
        account=account.bytes, programme=programme, round=round_,
    )  # fmt: skip
    return row is not None


def message_id(guard: Guard, enrolment: Enrolment, lesson: str) -> str:
    """The part of a Message-ID that stands for a lesson of this round: the same whenever it is made, unknown to others.

    It follows from the root key: a newer one changes it.
    """
    return guard.authenticate("letters", "message", enrolment.account, "lesson", enrolment.cause(lesson))[-16:].hex()


def _values(guard: Guard, enrolment: Enrolment) -> dict[str, Value]:
    point = enrolment.point
    values: dict[str, Value] = {
        "account": enrolment.account.bytes,
        "programme": enrolment.programme,
        "round": enrolment.round,
        "state": enrolment.state.value,
        "enrolled_at": enrolment.enrolled_at,
        "began_on": point.began_on.isoformat(),
        "shift": point.shift,
        "version": enrolment.version,
        "reached": enrolment.reached,
        "last_wall": point.last.isoformat() if point.last else "",
        "changed_at": enrolment.changed_at,
    }
    return {**values, "proof": guard.authenticate(*_proven(values))}


def _enrolment(guard: Guard, row: Row) -> Enrolment:
    account, texts = rows.account_id(row, "account"), {name: rows.text(row, name) for name in _TEXTS}
    guard.check(row["proof"], *_proven(row))
    last = texts["last_wall"]
    return Enrolment(
        account,
        texts["programme"],
        rows.number(row, "round"),
        rows.time(row, "enrolled_at"),
        Point(
            date.fromisoformat(texts["began_on"]),
            rows.number(row, "shift"),
            datetime.fromisoformat(last) if last else None,
        ),
        rows.number(row, "version"),
        State(texts["state"]),
        texts["reached"],
        rows.time(row, "changed_at"),
    )


_TEXTS = ("programme", "state", "began_on", "reached", "last_wall")


def _received(row: Row) -> Received:
    outcome = rows.text(row, "outcome")
    if outcome not in set(Outcome):
        raise Damaged("an outcome that the service never writes")
    return Received(rows.text(row, "lesson"), rows.time(row, "at"), Outcome(outcome))


_PROVEN = (
    "account", "programme", "round", "state", "enrolled_at", "began_on", "shift", "version", "reached", "last_wall", "changed_at",
)  # fmt: skip


def _proven(row: Row) -> tuple[Part, ...]:
    return ("enrolments", *(row[name] for name in _PROVEN))


async def _erase(tx: Transaction, account: AccountId) -> None:
    await tx.run("delete from lessons_received where account = :account", account=account.bytes)
    await tx.run("delete from enrolments where account = :account", account=account.bytes)


async def _export(reader: Reader, account: AccountId) -> object:
    """The programmes of an account, with what it received of each. Not verified."""
    followed = await reader.rows(
        "select programme, round, state, enrolled_at from enrolments where account = :account order by programme",
        account=account.bytes,
    )
    came = await reader.rows(
        "select programme, round, lesson, at, outcome from lessons_received where account = :account order by at, lesson",
        account=account.bytes,
    )
    return {"enrolments": _plain(followed), "lessons": _plain(came)}


def _plain(found: Sequence[Row]) -> list[dict[str, object]]:
    return [{name: row[name] for name in _names(row)} for row in found]


def _names(row: Row) -> Iterable[str]:
    return row.keys()


_KEY = ("account", "programme")
_OF_ENROLMENT = BelongsTo(_KEY, "enrolments", _KEY)

FAMILY = Family(
    tables=(
        Table(
            "enrolments",
            _KEY,
            {
                "account": ID,
                "programme": TEXT,
                "round": NUMBER,
                "state": TEXT,
                "enrolled_at": TIME,
                "began_on": TEXT,
                "shift": NUMBER,
                "version": NUMBER,
                "reached": TEXT,
                "last_wall": TEXT,
                "changed_at": TIME,
                "next_at": TIME.or_null(),
            },
            (
                OF_ACCOUNT,
                BelongsTo(("programme",), "programmes", ("name",)),
                BelongsTo(("programme", "version"), "programme_versions", ("programme", "version")),
            ),
        ),
        Table(
            "lessons_received",
            (*_KEY, "round", "lesson"),
            {"account": ID, "programme": TEXT, "round": NUMBER, "lesson": TEXT, "at": TIME, "outcome": TEXT},
            (OF_ACCOUNT, _OF_ENROLMENT),
        ),
    ),
    guarded=(Guarded("enrolments", _KEY, "proof", _proven, is_proof=True),),
    faults={
        "enrolments that nothing will look at again": "select count(*) as count from enrolments e"
        " join programmes p on p.name = e.programme where e.state = 'following' and e.next_at is null"
        " and p.published > 0 and p.paused_at = 0",
        "enrolments postponed further than the service ever does": "select count(*) as count from enrolments"
        " where next_at > :now + 630720000000",
    },
    resettled=look_again,
    erase=_erase,
    export=_export,
)
