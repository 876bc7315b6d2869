"""How far each programme has been offered by e-mail, account by account: each once, when it is first published."""

from dataclasses import dataclass

from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import TEXT, TIME
from storage.families import BelongsTo, Family, Table
from storage.ids import AccountId


@dataclass(frozen=True)
class Offering:
    """A programme that is being offered: when that began (ms since 1970), and the account up to which it was, or none yet."""

    programme: str
    begun_at: int
    after: bytes


async def begin(tx: Transaction, programme: str, now: int) -> None:
    """Offer a programme from now on; nothing if it was offered before."""
    await tx.run(
        "insert into programme_offers (programme, begun_at, after) values (:programme, :now, :after)"
        " on conflict (programme) do nothing",
        programme=programme, now=now, after=b"",
    )  # fmt: skip


async def under_way(reader: Reader) -> Offering | None:
    """The programme to go on offering, among those that are sent at present; None if there is none.

    A damaged row raises the alarm, and holds up no other.
    """
    found = await reader.rows(
        "select o.programme, o.begun_at, o.after from programme_offers o join programmes p on p.name = o.programme"
        " where o.after is not null and p.published > 0 and p.paused_at = 0 order by o.begun_at, o.programme"
    )
    return next(iter(rows.sound("programme_offers", found, _offering)), None)


def _offering(row: Row) -> Offering:
    return Offering(rows.text(row, "programme"), rows.time(row, "begun_at"), rows.blob(row, "after"))


async def next_members(reader: Reader, offering: Offering, most: int) -> list[AccountId]:
    """The members who come next, in the order of their ids."""
    found = await reader.rows(
        "select id from accounts where id > :after and role = 'member' and status = 'active' order by id limit :most",
        after=offering.after, most=most,
    )  # fmt: skip
    return rows.sound("accounts", found, lambda row: rows.account_id(row, "id"))


async def advance(tx: Transaction, offering: Offering, to: AccountId | None) -> None:
    """Note that it was offered to everybody up to this account; to everybody if it is None."""
    await tx.run(
        "update programme_offers set after = :after where programme = :programme",
        after=to.bytes if to else None, programme=offering.programme,
    )  # fmt: skip


async def end_all(tx: Transaction) -> None:
    """Offer nothing further of what is under way: it may have been offered since this database was copied."""
    await tx.run("update programme_offers set after = null where after is not null")


FAMILY = Family(
    tables=(
        Table(
            "programme_offers",
            ("programme",),
            {"programme": TEXT, "begun_at": TIME},
            (BelongsTo(("programme",), "programmes", ("name",)),),
            covered=("after",),
        ),
    ),
)
