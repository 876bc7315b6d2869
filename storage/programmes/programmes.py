"""Programmes and their versions: which one is sent, its plan, and the texts of its lessons.

All of it is the same for everybody, so it is guarded, not sealed. A text opens only as that of its own programme, version and
lesson: whoever can write to the database cannot have another text sent in its place, nor publish a version.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction, Value
from storage.engine.rows import NUMBER, TEXT, TIME
from storage.errors import Damaged
from storage.families import BelongsTo, Family, Table
from storage.programmes import enrolments
from storage.programmes.plans import Plan

Texts = Mapping[str, Mapping[str, str]]
"""The Markdown of each lesson, by its key, then by language."""


@dataclass(frozen=True)
class Programme:
    """A programme: its latest version, the one that is sent (0: none), and since when it rests for everybody (0: it does not)."""

    name: str
    newest: int = 0
    published: int = 0
    paused_at: int = 0

    @property
    def is_sent(self) -> bool:
        """Whether its lessons go out at all."""
        return bool(self.published) and not self.paused_at


async def find(reader: Reader, guard: Guard, name: str) -> Programme | None:
    """A programme by its name. Raises CannotOpen when its row is not as the service wrote it."""
    row = await reader.row("select * from programmes where name = :name", name=name)
    return _programme(guard, row) if row else None


async def find_all(reader: Reader, guard: Guard) -> list[Programme]:
    """Every programme, by name. One that was tampered with raises the alarm and is left out."""
    found = await reader.rows("select * from programmes order by name")
    return rows.sound("programmes", found, lambda row: _programme(guard, row))


def _programme(guard: Guard, row: Row) -> Programme:
    found = Programme(rows.text(row, "name"), *(rows.number(row, name) for name in ("newest", "published", "paused_at")))
    guard.check(row["proof"], *_proven(row))
    return found


async def keep(tx: Transaction, guard: Guard, programme: Programme) -> None:
    """Store where a programme stands."""
    row: dict[str, Value] = {
        "name": programme.name,
        "newest": programme.newest,
        "published": programme.published,
        "paused_at": programme.paused_at,
    }
    await tx.run(
        "insert into programmes (name, newest, published, paused_at, proof)"
        " values (:name, :newest, :published, :paused_at, :proof)"
        " on conflict (name) do update set newest = excluded.newest, published = excluded.published,"
        " paused_at = excluded.paused_at, proof = excluded.proof",
        **row,
        proof=guard.authenticate(*_proven(row)),
    )


async def add_version(tx: Transaction, guard: Guard, programme: Programme, plan: Plan, texts: Texts, now: int) -> Programme:
    """Store a further version of a programme, which need not exist yet. It is not published by this."""
    made = replace(programme, newest=programme.newest + 1)
    await keep(tx, guard, made)
    await tx.run(
        "insert into programme_versions (programme, version, body, imported_at) values (:programme, :version, :body, :now)",
        programme=made.name, version=made.newest, now=now,
        body=guard.guard(msgspec.json.encode(plan), *_place_of_plan(made.name, made.newest)),
    )  # fmt: skip
    await tx.run_many(
        "insert into lessons (programme, version, key, body) values (:programme, :version, :key, :body)",
        [
            {
                "programme": made.name,
                "version": made.newest,
                "key": key,
                "body": guard.guard(msgspec.json.encode(texts[key]), *_place_of_text(made.name, made.newest, key)),
            }
            for key in texts
        ],
    )
    return made


async def publish(tx: Transaction, guard: Guard, programme: Programme, version: int) -> Programme:
    """Send this version from now on; none at 0. Whoever follows the programme is looked at again."""
    return await _stand(tx, guard, replace(programme, published=version))


async def rest(tx: Transaction, guard: Guard, programme: Programme, since: int) -> Programme:
    """Pause a programme for everybody since a time in ms since 1970; at 0, go on."""
    return await _stand(tx, guard, replace(programme, paused_at=since))


async def _stand(tx: Transaction, guard: Guard, programme: Programme) -> Programme:
    await keep(tx, guard, programme)
    await enrolments.look_again_at_all(tx, programme.name)
    return programme


async def plan(reader: Reader, guard: Guard, name: str, version: int) -> Plan:
    """The plan of a version. Raises CannotOpen when it is missing, or not as the service wrote it."""
    row = await reader.row(
        "select body from programme_versions where programme = :name and version = :version", name=name, version=version
    )
    if row is None:
        raise Damaged("a version of a programme is missing")
    return _decoded(guard.unguard(rows.blob(row, "body"), *_place_of_plan(name, version)), Plan)


async def text(reader: Reader, guard: Guard, name: str, version: int, key: str) -> dict[str, str]:
    """The Markdown of a lesson, by language. Raises CannotOpen when it is missing, or not as the service wrote it."""
    row = await reader.row(
        "select body from lessons where programme = :name and version = :version and key = :key",
        name=name, version=version, key=key,
    )  # fmt: skip
    if row is None:
        raise Damaged("a lesson of a programme is missing")
    return _decoded(guard.unguard(rows.blob(row, "body"), *_place_of_text(name, version, key)), dict[str, str])


async def texts(reader: Reader, guard: Guard, name: str, version: int, of: Plan) -> Texts:
    """The texts of all lessons of a version. Raises CannotOpen."""
    return {lesson.key: await text(reader, guard, name, version, lesson.key) for lesson in of.lessons}


async def last_version_with(reader: Reader, name: str, key: str, newest: int) -> int | None:
    """The latest version, of those up to ``newest``, that has a lesson with this key; None if there is none."""
    row = await reader.row(
        "select max(version) as version from lessons where programme = :name and key = :key and version <= :newest",
        name=name, key=key, newest=newest,
    )  # fmt: skip
    return rows.number_or_none(row, "version") if row else None


async def is_published(reader: Reader, name: str, key: str) -> bool:
    """Whether the version that is sent has a lesson with this key. Not verified: for a letter that is then read with care."""
    row = await reader.row(
        "select 1 from programmes p join lessons l on l.programme = p.name and l.version = p.published"
        " where p.name = :name and l.key = :key",
        name=name, key=key,
    )  # fmt: skip
    return row is not None


async def is_sent(reader: Reader, name: str) -> bool:
    """Whether the lessons of a programme go out at present. Not verified, as ``is_published``."""
    row = await reader.row("select 1 from programmes where name = :name and published > 0 and paused_at = 0", name=name)
    return row is not None


def _decoded(body: bytes, kind: type[rows.T]) -> rows.T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:
        raise Damaged("a programme cannot be decoded") from None


def _proven(row: Row) -> tuple[Part, ...]:
    return ("programmes", row["name"], row["newest"], row["published"], row["paused_at"])


def _place_of_plan(name: str, version: int) -> tuple[Part, ...]:
    return ("programme_versions", "body", name, version)


def _place_of_text(name: str, version: int, key: str) -> tuple[Part, ...]:
    return ("lessons", "body", name, version, key)


FAMILY = Family(
    tables=(
        Table("programmes", ("name",), {"name": TEXT, "newest": NUMBER, "published": NUMBER, "paused_at": TIME}),
        Table(
            "programme_versions",
            ("programme", "version"),
            {"programme": TEXT, "version": NUMBER, "imported_at": TIME},
            (BelongsTo(("programme",), "programmes", ("name",)),),
        ),
        Table(
            "lessons",
            ("programme", "version", "key"),
            {"programme": TEXT, "version": NUMBER, "key": TEXT},
            (BelongsTo(("programme", "version"), "programme_versions", ("programme", "version")),),
        ),
    ),
    guarded=(
        Guarded("programmes", ("name",), "proof", _proven, is_proof=True),
        Guarded(
            "programme_versions",
            ("programme", "version"),
            "body",
            lambda row: _place_of_plan(rows.text(row, "programme"), rows.number(row, "version")),
        ),
        Guarded(
            "lessons",
            ("programme", "version", "key"),
            "body",
            lambda row: _place_of_text(rows.text(row, "programme"), rows.number(row, "version"), rows.text(row, "key")),
        ),
    ),
    faults={
        "programmes whose published or latest version does not exist": "select count(*) as count from programmes p"
        " where (p.published > 0 and not exists (select 1 from programme_versions v"
        " where v.programme = p.name and v.version = p.published)) or not exists (select 1 from programme_versions v"
        " where v.programme = p.name and v.version = p.newest)",
    },
)
