"""The example: its people and their messages, that it is built completely or not at all, and its page of letters."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from chat import demo
from chat.example import making
from chat.example.cast import figures, typeset
from chat.example.conversations import Line, Script, scripts
from chat.example.long_history import long_history
from chat.example.mailbox_page import LETTER_POLICY, add_mailbox
from chat.example.making import make_ready
from chat.protocol.frames import LONGEST_TEXT
from delivery.shipped import shipped_programmes
from storage import installation
from storage.accounts import accounts
from storage.accounts.accounts import Role
from storage.conversations import threads
from storage.crypto import keyring
from storage.encouragements import encouragements, planning
from storage.errors import Refused, Stalled
from storage.mail import letters, overview
from storage.mail.letters import State
from storage.maintenance.check import check_all
from storage.programmes import enrolments
from storage.settings import StorageSettings
from storage.store import open_store
from tests.people import settings_in

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAY = 86_400_000


@pytest.fixture(scope="module")
def told() -> list[Script]:
    return scripts(NOW)


@pytest.fixture
def settings(tmp_path: Path) -> StorageSettings:
    return settings_in(tmp_path, grace=10_000)


def lines_of(told: list[Script]) -> list[Line]:
    return [line for script in told for line in script.lines]


def now_ms() -> int:
    return int(NOW.timestamp() * 1000)


# The people


def test_everybody_has_an_address_of_their_own() -> None:
    addresses = [figure.email for figure in figures().values()]
    assert len(set(addresses)) == len(addresses)
    assert all(address.endswith("@exemple.test") for address in addresses)


def test_the_cast_has_every_role_that_signs_in() -> None:
    roles = {key: figures()[key].role for key in ("lea", "karim", "claire", "thomas", "sam", "admin")}
    assert list(roles.values()) == [
        Role.MEMBER, Role.MEMBER, Role.PROFESSIONAL, Role.PROFESSIONAL, Role.COMPANION, Role.ADMINISTRATOR,
    ]  # fmt: skip


def test_two_members_share_a_first_name() -> None:
    names = [figure.first_name for figure in figures().values() if figure.role is Role.MEMBER]
    assert len(set(names)) < len(names)


# What they write


def test_only_participants_speak(told: list[Script]) -> None:
    for script in told:
        assert {line.author for line in script.lines} <= set(script.people) <= set(figures())


def test_a_conversation_goes_forward_and_ends_before_now(told: list[Script]) -> None:
    for script in told:
        moments = [script.opened_at, *(line.at for line in script.lines), now_ms()]
        assert all(one <= other for one, other in pairwise(moments))


def test_one_conversation_has_two_thousand_messages(told: list[Script]) -> None:
    longest = max(told, key=lambda script: len(script.lines))
    assert (len(longest.lines), longest.people) == (2000, ["karim", "thomas"])


def test_the_long_conversation_does_not_repeat_itself_soon(told: list[Script]) -> None:
    texts = [line.text for line in max(told, key=lambda script: len(script.lines)).lines]
    assert len(set(texts)) > 250
    assert all(len(set(texts[at : at + 10])) == 10 for at in range(len(texts) - 10))


def test_the_long_conversation_is_the_same_every_time() -> None:
    span = date(2026, 1, 1), date(2026, 6, 1)
    assert long_history(*span, 200) == long_history(*span, 200)


def test_the_long_conversation_keeps_to_working_days() -> None:
    turns = long_history(date(2026, 1, 1), date(2026, 6, 1), 400)
    assert {turn.day.weekday() for turn in turns} == {0, 1, 2, 3, 4}
    assert (turns[0].day, turns[-1].day) == (date(2026, 1, 2), date(2026, 5, 29))


def test_texts_fit_into_a_message(told: list[Script]) -> None:
    assert all(1 <= len(line.text) <= LONGEST_TEXT for line in lines_of(told))


def test_texts_are_set_as_french_is(told: list[Script]) -> None:
    loose = re.compile(r"'| [;:!?»]|« |[^\s\u202f«(]\?|\.\.\.|\{")
    assert [line.text for line in lines_of(told) if loose.search(line.text)] == []


@pytest.mark.parametrize(
    ("plain", "set_"),
    [("C'est ça ?", "C’est ça\u202f?"), ("« oui » : non", "«\u202foui\u202f»\u00a0: non"), ("à 17 h deux", "à 17\u202fh deux")],
)
def test_plain_french_is_typeset(plain: str, set_: str) -> None:
    assert typeset(plain) == set_


def test_somebody_waits_for_longer_than_a_day(told: list[Script]) -> None:
    ages = [now_ms() - script.lines[-1].at for script in told if script.lines and _waits(script)]
    assert any(age > DAY for age in ages)
    assert sum(age < DAY for age in ages) >= 3


def _waits(script: Script) -> bool:
    return figures()[script.lines[-1].author].role is Role.MEMBER


# Built completely or not at all


async def counted(settings: StorageSettings) -> int:
    """The number of threads in a store, after checking that it is sound."""
    async with open_store(settings) as store:
        assert await check_all(store) == []
        return len(await store.database.read(threads.all_ids))


async def test_an_empty_place_is_filled(settings: StorageSettings) -> None:
    assert await make_ready(settings)
    assert await counted(settings) == len(scripts(NOW))
    assert keyring.load(settings.keys).is_example


async def test_the_outbox_has_letters_in_every_state(settings: StorageSettings) -> None:
    await make_ready(settings)
    async with open_store(settings) as store:
        found = await store.database.read(letters.count_by_state)
        assert found.keys() == set(State)
        assert found[State.WAITING] == 2
        assert await store.database.read(lambda reader: overview.oldest_waiting(reader, store.clock())) is None
        ids = await store.database.read(accounts.all_ids)
        warned = [await store.database.read(lambda reader, it=one: letters.refused_at(reader, it)) for one in ids]  # type: ignore[misc]
        assert warned == [None] * len(ids)  # no page of the example says at once that e-mails do not arrive


async def test_two_kind_words_are_suggested_to_the_companion(settings: StorageSettings) -> None:
    await make_ready(settings)
    async with open_store(settings) as store:
        sam = await store.database.read(lambda reader: accounts.by_address(reader, store.guard, "sam@exemple.test"))
        assert sam
        suggested = await store.database.read(lambda reader: encouragements.suggested(reader, sam.id, store.clock()))
        standing = [
            await store.database.read(lambda reader, it=one: planning.standing(reader, store.guard, it, store.clock()))  # type: ignore[misc]
            for one in suggested
        ]
    assert sorted(one.rule.name for one in suggested) == ["first-answer", "month-together"]
    assert standing == [None, None]


async def test_a_second_start_keeps_what_is_there(settings: StorageSettings) -> None:
    await make_ready(settings)
    before = settings.keys.read_bytes(), settings.database.read_bytes()
    assert not await make_ready(settings)
    assert (settings.keys.read_bytes(), settings.database.read_bytes()) == before


async def test_what_is_left_half_done_is_begun_again(settings: StorageSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "fill", _fail)
    with pytest.raises(Stalled):
        await make_ready(settings)
    assert not settings.database.exists()
    monkeypatch.undo()
    assert await make_ready(settings)
    assert await counted(settings) == len(scripts(NOW))


async def _fail(_: StorageSettings, _programmes: Sequence[Path]) -> None:
    raise Stalled("the disk is full")


async def test_nothing_is_left_of_the_making(settings: StorageSettings) -> None:
    await make_ready(settings)
    assert {path.name for path in settings.data.iterdir()} == {"ailo.sqlite", "lock"}


async def test_a_real_house_is_left_alone(settings: StorageSettings) -> None:
    await installation.build(settings)
    before = settings.keys.read_bytes(), settings.database.read_bytes()
    with pytest.raises(Refused, match="`ailo demo` leaves it alone"):
        await make_ready(settings)
    assert (settings.keys.read_bytes(), settings.database.read_bytes()) == before


@pytest.mark.parametrize("is_example", [True, False])
async def test_a_keyring_of_other_data_is_left_alone(settings: StorageSettings, tmp_path: Path, is_example: bool) -> None:
    await installation.build(replace(settings, data=tmp_path / "other"), is_example=is_example)
    before = settings.keys.read_bytes()
    with pytest.raises(Refused, match="to another place for the example"):
        await make_ready(settings)
    assert settings.keys.read_bytes() == before


async def test_a_real_keyring_outlives_a_half_made_example(settings: StorageSettings, tmp_path: Path) -> None:
    await installation.build(replace(settings, data=tmp_path / "other"))
    (settings.data / making.FILLING).mkdir(parents=True)
    with pytest.raises(Refused):
        await make_ready(settings)
    assert settings.keys.exists()


# The command


def test_the_example_stays_on_its_own_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main({"AILO_HOST": "0.0.0.0", "AILO_DATA": str(tmp_path / "data")}) == 1
    assert "served on 127.0.0.1 only" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    values = {"AILO_DATA": str(tmp_path / "file" / "data"), "AILO_KEYS": str(tmp_path / "keys" / "root.json")}
    assert demo.main(values) == 1
    assert "the example cannot be stored in" in capsys.readouterr().err


def test_wrong_settings_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main({"AILO_PORT": "many"}) == 1
    assert "AILO_PORT" in capsys.readouterr().err


# The page of letters


@dataclass(frozen=True)
class Letter:
    id: str = "0123"
    at: datetime = NOW
    recipient: str = "lea@exemple.test"
    subject: str = "Un nouveau message vous attend"
    text: str = "Bonjour <Léa>, \"vous\" & 'moi'"
    html: str = "<p>Bonjour <script>alert(1)</script></p>"


class Mailbox:
    """The page of letters, with letters that a test adds."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    def read(self) -> Sequence[Letter]:
        return self.letters


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def client(mailbox: Mailbox) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application()
    add_mailbox(app, mailbox.read)
    async with TestClient(TestServer(app)) as client:
        yield client


Client = TestClient[web.Request, web.Application]


async def test_an_empty_mailbox_says_what_will_come(client: Client) -> None:
    text = await (await client.get("/mailbox")).text()
    assert "Aucun e-mail pour l’instant" in text
    assert 'data-newest=""' in text


async def test_a_letter_is_shown_as_text(client: Client, mailbox: Mailbox) -> None:
    mailbox.letters = [Letter(subject="<i>Un</i>", recipient="<b>@exemple.test")]
    text = await (await client.get("/mailbox")).text()
    assert "Bonjour &lt;Léa&gt;, &#34;vous&#34; &amp; &#39;moi&#39;" in text
    assert "alert(1)" not in text
    assert "<i>Un" not in text
    assert "<b>@" not in text


async def test_letters_keep_the_order_given(client: Client, mailbox: Mailbox) -> None:
    mailbox.letters = [Letter("b", subject="La seconde"), Letter("a", subject="La première")]
    text = await (await client.get("/mailbox")).text()
    assert 'data-newest="b"' in text
    assert text.index("La seconde") < text.index("La première")


async def test_the_page_runs_only_its_own_scripts(client: Client) -> None:
    policy = (await client.get("/mailbox")).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in policy


async def test_a_letters_html_comes_sandboxed(client: Client, mailbox: Mailbox) -> None:
    mailbox.letters = [Letter()]
    answer = await client.get("/mailbox/0123")
    assert await answer.text() == Letter().html
    assert answer.headers["Content-Security-Policy"] == LETTER_POLICY
    assert "sandbox; default-src 'none'" in LETTER_POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("id_", ["9999", "..%2F..%2Fetc%2Fpasswd", "%00"])
async def test_a_letter_that_is_not_there_is_not_found(client: Client, mailbox: Mailbox, id_: str) -> None:
    mailbox.letters = [Letter()]
    assert (await client.get(f"/mailbox/{id_}")).status == 404


@pytest.mark.parametrize(("path", "kind"), [("mailbox.css", "text/css"), ("mailbox.js", "text/javascript")])
async def test_the_page_has_its_files(client: Client, path: str, kind: str) -> None:
    assert (await client.get(f"/mailbox/{path}")).content_type == kind


async def test_people_are_half_way_through_the_programmes_that_are_shipped(settings: StorageSettings) -> None:
    assert await make_ready(settings, shipped_programmes())
    async with open_store(settings) as store:
        assert await check_all(store) == []
        found = await store.database.read(lambda reader: enrolments.counts(reader, "poser-ses-limites"))
        assert sum(found.values()) == sum(figure.enrolled_days is not None for figure in figures().values())
        assert {state for state, _ in found} == {enrolments.State.FOLLOWING, enrolments.State.FINISHED}
        assert len({reached for state, reached in found if state is enrolments.State.FOLLOWING and reached}) >= 3
        lessons = "select count(*) as count from letters where kind = 'lesson'"
        row = await store.database.read(lambda reader: reader.row(lessons))
        assert row
        assert row["count"] == 0
