"""A Professional with thousands of conversations, each with a last message: written through the storage, many per transaction."""

from dataclasses import dataclass
from itertools import islice

from msgspec import structs

from chat.ailo import open_ailo
from storage.accounts import accounts
from storage.accounts.accounts import Account, NewAccount, Role
from storage.conversations import participants, threads
from storage.crypto.keyholes import AccountKey
from storage.engine.database import Transaction
from storage.ids import AccountId, ThreadId, new_id
from storage.settings import StorageSettings
from storage.store import Store
from tests.load.fill import Filler
from tests.load.population import Pair, Person, _person

BATCH = 250
NAMES = ("Aïcha", "Bruno", "Chloé", "Driss", "Émilie", "Farid", "Gaëlle", "Hugo", "Inès", "Jules", "Karim", "Léa", "Malik")


@dataclass(frozen=True)
class Crowd:
    """The sessions of the Professional and of the last member; the threads in the order of their creation.

    The member of thread number n is named by ``name_of``; a session is its cookie, ``(name, value)``.
    """

    professional: tuple[str, str]
    last_member: tuple[str, str]
    threads: list[ThreadId]


def name_of(number: int) -> str:
    return f"{NAMES[number % len(NAMES)]} {number}"


def waiting_of(size: int) -> int:
    """How many wait for an answer: the first ones, number 0 the longest. The others have been answered."""
    return size * 3 // 4


async def gather(settings: StorageSettings, size: int) -> Crowd:
    """Fill an installation that is built but not served yet."""
    async with open_ailo(settings) as ailo:
        store = ailo.store
        claire = [(Role.PROFESSIONAL, "Claire", "claire@example.test")]
        ((coach, key),) = await store.database.write(lambda tx: _accounts(tx, store, claire))
        pairs: list[Pair] = []
        numbers = iter(range(size))
        while batch := list(islice(numbers, BATCH)):
            pairs += await store.database.write(lambda tx, batch=batch: _open(tx, store, coach, batch))  # type: ignore[misc]
        await Filler(store).fill(pairs, size)
        await store.database.write(lambda tx: _let_wait(tx, store, [pair.thread for pair in pairs[: waiting_of(size)]]))
        assert pairs[-1].member.key
        cookies = [(await _person(store, one)).cookie.split("=", 1) for one in (key, pairs[-1].member.key)]
        return Crowd((cookies[0][0], cookies[0][1]), (cookies[1][0], cookies[1][1]), [pair.thread for pair in pairs])


async def _open(tx: Transaction, store: Store, coach: Account, numbers: list[int]) -> list[Pair]:
    members = await _accounts(tx, store, [(Role.MEMBER, name_of(number), f"m{number}@example.test") for number in numbers])
    made = []
    for member, key in members:
        change = await participants.open_thread(tx, store.guard, store.officer, new_id(ThreadId), [member, coach], store.clock())
        made.append(Pair(change.roster.thread, Person(member.id, "", key), Person(coach.id, "")))
    return made


async def _let_wait(tx: Transaction, store: Store, ids: list[ThreadId]) -> None:
    for number, id_ in enumerate(ids):
        thread = await threads.find(tx, store.guard, id_)
        assert thread
        since = store.clock() - (len(ids) - number) * 60_000
        await threads.save(tx, store.guard, structs.replace(thread, waiting_since=since))


async def _accounts(tx: Transaction, store: Store, wanted: list[tuple[Role, str, str]]) -> list[tuple[Account, AccountKey]]:
    made = []
    for role, name, email in wanted:
        key = AccountKey.fresh(new_id(AccountId))
        new = NewAccount(key, role, email, name, "", "fr", "Europe/Paris", b"none", 0)
        await accounts.add(tx, store.guard, new, store.clock())
        found = await accounts.by_id(tx, store.guard, key.account)
        assert found
        made.append((found, key))
    return made
