"""Any column may contain anything: everybody whom it does not concern goes on as before, and `ailo check` reports it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import pytest

from chat.accounts.preferences import SettingsOfOne
from chat.accounts.sessions import SessionsOfOne
from chat.ailo import Ailo, open_ailo
from chat.auth import door
from chat.auth.sign_in import SignedIn
from chat.conversations.about import Abouts
from chat.inbound.feature import Inbound
from chat.programmes.folders import Folder
from chat.programmes.importing import read_course
from chat.programmes.programmes import Programmes
from chat.protocol.frames import encode
from chat.push.feature import Push
from chat.staff.canned_replies import RepliesAtHand
from chat.staff.overview import Overviews
from chat.staff.shapes import CannedReplies, CannedReply, OwnPractice
from delivery.jobs.encouragements import encourage_some
from delivery.jobs.lessons import send_lessons
from delivery.jobs.offers import offer_some
from delivery.jobs.pushes import push_some
from delivery.jobs.unread import announce_one
from delivery.outbox.outbox import Outbox, send_one_letter
from delivery.settings import DeliverySettings
from storage.accounts import preferences
from storage.accounts.preferences import Letters, Preferences
from storage.conversations.messages import GUARDED_BODY
from storage.conversations.service_posts import ServicePost
from storage.conversations.threads import Order
from storage.conversations.unlocked import Unlocked
from storage.engine import rows
from storage.engine.database import Transaction
from storage.families import guarded, tables
from storage.ids import AccountId, MessageId, ThreadId, new_id
from storage.inbound import quarantine, reply_addresses
from storage.inbound.quarantine import Owner
from storage.inbound.whole_mail import WholeMail
from storage.mail import letters, refused_mailboxes, texts
from storage.mail.letters import Letter
from storage.mail.texts import SealedText
from storage.mail.unsubscribing import make_token
from storage.maintenance import check
from storage.programmes import enrolments
from storage.push import subscriptions
from storage.push.subscriptions import Subscription
from storage.store import wall_clock
from tests.attacks.database.planting import NO_UTF_8, WRONG, Planter
from tests.chat.programmes.directories import ABOUT, lesson
from tests.chat.talk import Cast, opened_rooms
from tests.delivery.transports.recording import RecordingTransport
from tests.people import settings_in

T = TypeVar("T")

# The service's own rows: without them, it does not start, or says so.
OF_THE_HOUSE = {"house", "schema_steps"}
# Each of the two follows a programme of their own.
HERS, HIS = "souffler", "marcher"
OF_HER_PROGRAMME = {
    "programmes": "name",
    "programme_versions": "programme",
    "lessons": "programme",
    "programme_offers": "programme",
}
# Tables that nothing else fills while the scene is set.
BARE = {
    "relinking": "insert into relinking values (:thread, 1, zeroblob(41), zeroblob(41), zeroblob(41))",
    "broken_chains": "insert into broken_chains values (:thread, 1, 1)",
    "renewals_due": "insert into renewals_due values (:staff, 1)",
    "recoveries": "insert into recoveries (request, account, generation, public_key, profile, keyhole, asked_at)"
    " values (zeroblob(32), :account, 2, zeroblob(32), 0, null, 1)",
    "encouragements": "insert into encouragements (id, account, thread, rule, cause, since, state, made_at)"
    " values (zeroblob(16), :account, :thread, 'month-together', 'x', 1, 'waiting', 1)",
    "encouragements_off": "insert into encouragements_off values ('first-answer', 1)",
    "encouragement_looks": "update encouragement_looks set look_at = 1",
}
# Tables whose rows are nobody's, and one of their rows.
OF_NOBODY = {"encouragements_off": "rule = 'first-answer'"}
# The message of Léa's that came by e-mail.
MAILED = MessageId(UUID(int=7))


@dataclass
class Scene:
    """Léa writes with Claire, and wrong values are planted in their rows; Karim writes with Thomas and is not concerned."""

    ailo: Ailo
    cast: Cast
    planter: Planter
    hers: ThreadId
    his: ThreadId
    lea: AccountId
    claire: AccountId

    def whose(self, table: str) -> tuple[str, dict[str, bytes]]:
        """The condition, with its values, that selects a row of Léa, of Claire or of their thread in a table."""
        if table in OF_HER_PROGRAMME:
            return f"{OF_HER_PROGRAMME[table]} = '{HERS}'", {}
        if table in OF_NOBODY:
            return OF_NOBODY[table], {}
        of_all: dict[str, list[tuple[str, UUID]]] = {"threads": [("id", self.hers)], "accounts": [("id", self.lea)]}
        places = of_all.get(table, [("thread", self.hers), ("account", self.lea), ("account", self.claire)])
        for column, id_ in places:
            if column in self.planter.columns(table):
                row = self.planter.one(f"select 1 from {table} where {column} = :whose", whose=id_.bytes)
                if row:
                    return f"{column} = :whose", {"whose": id_.bytes}
        raise AssertionError(f"whose row to plant in {table}?")

    @contextmanager
    def planted(self, table: str, column: str, wrong: str) -> Iterator[bool]:
        """Plant a wrong value in one of their rows for the duration of the context; yield False if the database refuses it."""
        where, whose = self.whose(table)
        before, types = self.planter.everything(), self.planter.types()
        with self.planter.without_not_null():
            kept = self.planter.plant(table, column, wrong, where, **whose)
        try:
            yield kept
        finally:
            self.planter.put_back(before, types)


async def furnish(folder: Path) -> None:
    """Make a row in every table, for both pairs."""
    async with opened_rooms(folder) as ailo:
        cast = Cast(ailo)
        await cast.arrive()
        for member, professional in (("lea", "claire"), ("karim", "thomas")):
            thread = await cast.open_thread(member, professional)
            one, other = await cast.unlock(member), await cast.unlock(professional)
            await cast.say(one, thread, "Bonjour", "Quand ?")
            await ailo.staff.notes.write(other, thread, "À rappeler.")
            await RepliesAtHand(ailo.store).write(other, CannedReplies([CannedReply(uuid4(), "Merci", "Merci !")], 0))
            await ailo.staff.practices.write(other, OwnPractice(48, None, None))
            await SettingsOfOne(ailo.store).change(one.account, {"enter_sends": True})
            await cast.say(other, thread, "Demain.")
            await owe_letter(ailo, one, thread)
            await ailo.store.database.write(
                partial(make_token, guard=ailo.store.guard, account=one.account.id, list_name="offers")
            )
        lea, guard = await cast.unlock("lea"), ailo.store.guard
        on_the_page = Preferences(enter_sends=True, letters=Letters(programmes=False))  # she has one letter, of a reply
        await ailo.store.database.write(lambda tx: preferences.keep(tx, guard, lea.account.id, on_the_page))
        for member, name in (("lea", HERS), ("karim", HIS)):
            await follow(ailo, (await cast.account(member)).id, name)
        (entry,) = await ailo.conversations.conversation.entries(lea, Order.NEWEST, None)
        await answer_by_mail(ailo, lea, entry.id)
        claire = (await cast.account("claire")).id  # her key is renewed when she signs in
        values = {"thread": entry.id.bytes, "account": lea.account.id.bytes, "staff": claire.bytes}
        for sql in BARE.values():
            used = {name: value for name, value in values.items() if f":{name}" in sql}
            await ailo.store.database.write(lambda tx, sql=sql, used=used: tx.run(sql, **used))  # type: ignore[misc]


async def answer_by_mail(ailo: Ailo, who: Unlocked, thread: ThreadId) -> None:
    """Give somebody a reply address, a mail that was posted, one that waits for their word, and a mailbox that is refused."""
    store, account, mail = ailo.store, who.account, WholeMail("Merci !", "Merci !\n> Bonjour")
    posted = ServicePost(thread, MAILED, "email", mail.message, account.id, waits=True, mail=mail)
    await ailo.conversations.conversation.post_from_service(posted)
    owner = Owner(account.id, thread, account.generation, account.public_key)

    async def work(tx: Transaction) -> None:
        await reply_addresses.make(tx, store.guard, account.id, thread, store.clock())
        await quarantine.keep(tx, owner, new_id(MessageId), mail, store.clock())
        await refused_mailboxes.note(tx, store.guard, account.id, "5.1.1", store.clock())

    await store.database.write(work)


async def have_text_wait(scene: Scene) -> None:
    """Have a text wait for a letter to Léa: each start removes them all."""
    text = SealedText(scene.lea, scene.hers, 1, new_id(MessageId), wall_clock(), bytes(80))
    await scene.ailo.store.database.write(lambda tx: texts.keep(tx, [text]))


async def follow(ailo: Ailo, account: AccountId, name: str) -> None:
    """Enrol somebody in a programme of one lesson a day; the first is sent."""
    rules = Programmes(ailo.store)
    days = [(f"0{day + 1}-jour-{day}", (f"day = {day}", 'hour = "00:00"')) for day in range(3)]
    texts = {f"{key}.{language}.md": lesson(key, *header) for key, header in days for language in ("fr", "en")}
    about = ABOUT.replace("souffler", name)
    await rules.import_(read_course(Folder({"programme.toml": about, **texts}, {})), is_draft=False)
    await rules.enrol(name, account)
    settings = DeliverySettings("https://ailo.example", ailo.store.settings.data / "mail")
    while await send_lessons(ailo.store, settings):
        pass
    await ailo.store.database.write(lambda tx: enrolments.look_again(tx, account))


async def owe_letter(ailo: Ailo, who: Unlocked, thread: ThreadId) -> None:
    """Have a letter wait, and a browser that is to be told of it; its push service is none that is asked."""
    facts = {"thread": str(thread), "seq": "3", "group": "0" * 24}
    letter = Letter(uuid4(), who.account.id, "reply", f"{thread}/3", facts, "one@ailo.test", 1)

    browser = Subscription(f"https://nowhere.test/{who.account.id}", b"\4" * 65, bytes(16))

    async def work(tx: Transaction) -> None:
        await letters.write(tx, ailo.store.guard, letter, 1)
        await subscriptions.keep(tx, ailo.store.guard, who.account.id, who.account.id.bytes * 2, browser, 1)
        await subscriptions.tell_all(tx, who.account.id, letter.id, 1)

    await ailo.store.database.write(work)


@pytest.fixture(scope="session")
def furnished_with_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("furnished")
    asyncio.run(furnish(folder))
    return folder


@pytest.fixture
async def scene(furnished_with_all: Path, tmp_path: Path) -> AsyncIterator[Scene]:
    shutil.copytree(furnished_with_all, tmp_path, dirs_exist_ok=True)
    rows.forget_alerts()
    async with open_ailo(settings_in(tmp_path, grace=0), count(wall_clock()).__next__) as ailo:
        cast = Cast(ailo)
        found = {name: await cast.account(name) for name in ("lea", "karim", "claire")}
        threads = [
            await ailo.conversations.conversation.entries(await cast.unlock(name), Order.NEWEST, None)
            for name in ("lea", "karim")
        ]
        planter = Planter(ailo.store.settings.database)
        made = Scene(ailo, cast, planter, threads[0][0].id, threads[1][0].id, found["lea"].id, found["claire"].id)
        await have_text_wait(made)
        try:
            yield made
        finally:
            planter.close()


async def everyday(scene: Scene, one: Unlocked, other: Unlocked) -> None:
    """What Karim and Thomas do in a day."""
    ailo, cast, thread = scene.ailo, scene.cast, scene.his
    for who in (one, other):
        (entry,) = await ailo.conversations.conversation.entries(who, Order.WAITING, None)
        assert entry.id == thread
        assert {person.id for person in entry.participants} == {one.account.id, other.account.id}
        assert entry.last
        assert entry.last.kind == "text"
    (seq,) = await cast.say(one, thread, "Encore une chose.")
    await ailo.conversations.conversation.mark_read(other, thread, seq)
    page = await ailo.conversations.conversation.before(other, thread, None, 50)
    assert page[-1].text == "Encore une chose."
    assert {message.kind for message in page} == {"text"}
    await cast.say(other, thread, "D’accord.")
    assert await ailo.conversations.participants.correspondents(one.account.id) == {other.account.id}
    assert len((await ailo.conversations.participants.access_list(one, thread)).participants) == 2
    assert len((await Abouts(ailo.store, ailo.access, ailo.hub).read(one, thread)).people) == 2
    assert await ailo.staff.notes.read(other, thread) == "À rappeler."
    assert (await RepliesAtHand(ailo.store).read(other)).version == 1
    assert (await ailo.staff.practices.read(other)).reply_within_hours == 48
    assert (await Overviews(ailo.store).of(other)).today.received == 3
    assert (await SettingsOfOne(ailo.store).read(one.account)).settings.enter_sends
    (followed,) = await Programmes(ailo.store).of(one.account)
    assert [found.lesson for found in followed.received] == ["jour-0"]
    assert (await Programmes(ailo.store).lesson(one.account.id, HIS, "jour-0"))["fr"] == "Bonjour."
    assert HIS in {found.programme.name for found in await Programmes(ailo.store).all()}


async def letters_to(scene: Scene) -> list[str]:
    """Everybody to whom letters go out until nothing is due, by the worker's own steps: no row may keep them from ending."""
    post, ailo = RecordingTransport(), scene.ailo
    settings = DeliverySettings("https://ailo.example", ailo.store.settings.data / "mail")
    outbox = Outbox(ailo.store, post, settings, chance=lambda: 0.0)
    steps: list[Callable[[], Awaitable[bool]]] = [
        lambda: encourage_some(ailo.store, settings),
        lambda: announce_one(ailo.store, settings),
        lambda: send_lessons(ailo.store, settings),
        lambda: offer_some(ailo.store, settings),
        lambda: send_one_letter(outbox),
        lambda: push_some(ailo.store, settings),
    ]
    for step in steps:
        for _ in range(20):
            if not await step():
                break
        else:
            raise AssertionError("there is no end of letters")
    return post.recipients


async def clearly(asked: Awaitable[T]) -> T | None:
    """The answer, or None if the request is refused for a stated reason; a fault, answered with 500, is raised."""
    try:
        return await asked
    except Exception as error:
        if door.refused_for(error).status == 500:
            raise
        return None


async def of_those_concerned(scene: Scene, name: str) -> None:
    """Assert that this person gets an answer, or a clear refusal, to everything that they can ask for."""
    ailo, store, thread = scene.ailo, scene.ailo.store, scene.hers
    if (who := await clearly(scene.cast.unlock(name))) is None:
        return
    conversation = ailo.conversations.conversation
    for order in Order:
        for entry in await clearly(conversation.entries(who, order, None)) or []:
            encode(entry)
    asked: list[Awaitable[object]] = [
        conversation.before(who, thread, None, 50),
        conversation.after(who, thread, 0, 50),
        conversation.mark_read(who, thread, 2),
        ailo.conversations.participants.access_list(who, thread),
        ailo.conversations.participants.correspondents(who.account.id),
        ailo.conversations.abouts.read(who, thread),
        ailo.staff.notes.read(who, thread),
        RepliesAtHand(store).read(who),
        ailo.staff.practices.read(who),
        Overviews(store).of(who),
        SettingsOfOne(store).read(who.account),
        Programmes(store).of(who.account),
        Programmes(store).lesson(who.account.id, HERS, "jour-0"),
        ailo.of(Inbound).mails.waiting(who, thread),
        ailo.of(Inbound).mails.original(who, thread, MAILED),
        SessionsOfOne(store, ailo.hub).all(SignedIn(bytes(32), who)),
        ailo.of(Push).subscribing.offer(),
        ailo.of(Push).subscribing.take_back(SignedIn(bytes(32), who)),
    ]
    for one in asked:
        await clearly(one)
    accepted = await clearly(asyncio.wait_for(conversation.post_and_wait(who, thread, new_id(MessageId), "?"), 20))
    if accepted:
        assert abs(accepted.message.at.timestamp() * 1000 - wall_clock()) < 600_000


def is_told_of(table: str, column: str, found: object) -> bool:
    """Whether `ailo check` must report a value: it does not have its column's shape, or a key proves what was there."""
    proven = {(it.table, it.column) for it in (*guarded(), GUARDED_BODY)} | {("messages", "link")}
    if (table, column) in proven:
        return found is not None
    shape = tables()[table].shapes.get(column)
    return shape is not None and not shape.fits(found)


def is_worth_trying(kind: str, wrong: str) -> bool:
    """Whether to try a value in a column: trying all of them took minutes."""
    return wrong in {"nothing", "a byte", NO_UTF_8} or wrong in {
        "bigint": {"negative", "huge", "half", "text"},
        "bytea": {"negative", "no bytes", "forty bytes", "text"},
        "text": {"no text"},
    }.get(kind, {*WRONG})


async def plant_in(scene: Scene, table: str, column: str, wrong: str) -> None:
    with scene.planted(table, column, wrong) as kept:
        if not kept:
            return
        karim, thomas = await scene.cast.unlock("karim"), await scene.cast.unlock("thomas")
        await everyday(scene, karim, thomas)
        colleagues = await scene.ailo.conversations.participants.colleagues(thomas)
        assert "Sam" in [one.first_name for one in colleagues]
        found = scene.planter.one(f"select {column} from {table} where typeof({column}) = typeof(:new) limit 1", new=WRONG[wrong])
        lines = await check.check_all(scene.ailo.store)
        assert not is_told_of(table, column, found) or lines
        for name in ("lea", "claire"):
            await of_those_concerned(scene, name)
        assert "karim@ailo.test" in await letters_to(scene)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.timeout(600)
async def test_one_row_stops_nobody_else(scene: Scene, wrong: str) -> None:
    types = scene.planter.types()
    for table in scene.planter.tables():
        for column, kind in zip(scene.planter.columns(table), types[table], strict=True):
            if table not in OF_THE_HOUSE and is_worth_trying(kind, wrong):
                try:
                    await plant_in(scene, table, column, wrong)
                except Exception as error:
                    error.add_note(f"{wrong} in {table}.{column}")
                    raise
