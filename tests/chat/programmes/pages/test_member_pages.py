"""What somebody who follows a programme sees and does, without a script; and what others are refused."""

import re
from pathlib import Path

import pytest

from chat.ailo import Ailo
from chat.pages.words import typeset
from chat.programmes.feature import ProgrammesCard
from chat.programmes.folders import Folder
from chat.programmes.importing import read_course
from delivery.jobs.lessons import send_lessons
from delivery.settings import DeliverySettings
from storage.accounts import preferences
from storage.accounts.preferences import Letters, Preferences
from storage.ids import ThreadId
from tests.chat.programmes.directories import ABOUT, files, lesson
from tests.chat.programmes.pages.conftest import Visit
from tests.chat.programmes.pages.visiting import Answer, Visitor
from tests.chat.talk import Cast
from tests.people import DAY, StoppedClock

PATH = "/programmes/souffler"
FIRST = f"{PATH}/lessons/respirer"
MORE = {
    "03-dormir.fr.md": lesson("Dormir", "day = 14", 'hour = "12:30"', text="Bientôt *la nuit*."),
    "03-dormir.en.md": lesson("Sleeping", "day = 14", 'hour = "12:30"', text="Night comes."),
}


@pytest.fixture
async def souffler(ailo: Ailo) -> ProgrammesCard:
    """A programme of three lessons, on days 0, 7 and 14, published."""
    card = ailo.of(ProgrammesCard)
    await card.programmes.import_(read_course(Folder({**files(**MORE), "programme.toml": ABOUT}, {})), is_draft=False)
    return card


@pytest.fixture
async def thread(cast: Cast) -> ThreadId:
    """Léa's conversation with Claire, her Professional, and Sam, the companion."""
    return await cast.open_thread("lea", "claire", "sam")


@pytest.fixture
async def lea(visit: Visit, souffler: ProgrammesCard, thread: ThreadId) -> Visitor:
    return await visit("lea")


def hidden(page: Answer) -> dict[str, str]:
    """The hidden fields of an answer's form."""
    return {name: page.value(name) for name in ("message", "thread", "people")}


async def work(ailo: Ailo, tmp_path: Path) -> None:
    """Do what is due, as the worker does."""
    settings = DeliverySettings("http://127.0.0.1:8080", tmp_path / "mail")
    while await send_lessons(ailo.store, settings):
        pass


async def test_what_is_offered_can_be_begun(ailo: Ailo, lea: Visitor, tmp_path: Path) -> None:
    assert "Commencer « Souffler »" in (await lea.see("/programmes")).words
    begun = await lea.do(PATH, deed="start")
    assert "Le parcours commence." in begun.words
    assert "Le parcours commence." not in (await lea.see(PATH)).words
    await work(ailo, tmp_path)
    page = await lea.see(PATH)
    assert re.search(r"Étape 1, reçue aujourd’hui .* Respirer Bonjour\. Lire l’étape", page.words)
    assert "L’étape 2 arrive lundi 30 novembre à 9 h , sur cette page et par e-mail." in page.words
    assert "lundi 7 décembre" in page.words
    home = await lea.see("/programmes")
    assert "Étape 1 sur 3" in home.words
    assert "Commencer" not in home.words


async def test_a_lesson_is_read_once_it_came_and_not_before(ailo: Ailo, lea: Visitor, tmp_path: Path) -> None:
    assert (await lea.see(FIRST)).status == 404
    await lea.do(PATH, deed="start")
    await work(ailo, tmp_path)
    assert "Bonjour." in (await lea.see(FIRST)).words
    assert (await lea.see(f"{PATH}/lessons/marcher")).status == 404
    assert (await lea.see(f"{PATH}/lessons/nulle-part")).status == 404


async def test_markdown_is_shown_as_text(ailo: Ailo, lea: Visitor, tmp_path: Path, stopped_clock: StoppedClock) -> None:
    await lea.do(PATH, deed="start")
    for _ in range(3):
        await work(ailo, tmp_path)
        stopped_clock.advance(7 * DAY)
    await work(ailo, tmp_path)
    lea = await lea.sign_in("lea")  # the session of three weeks ago has ended
    assert "Bientôt <em>la nuit</em>." in (await lea.see(f"{PATH}/lessons/dormir")).source
    page = await lea.see(PATH)
    assert "parcours terminé" in page.words
    assert "reçue le 23 novembre" in page.words
    assert "Recommencer depuis le début" in page.words
    assert "terminé, à relire" in (await lea.see("/programmes")).words


async def test_it_is_paused_and_resumed(lea: Visitor) -> None:
    await lea.do(PATH, deed="start")
    assert "Le parcours est en pause." in (await lea.do(PATH, deed="pause")).words
    page = await lea.see(PATH)
    assert "vous reprenez à l’étape 1" in page.words
    assert "L’étape 1 arrive" not in page.words
    assert page.words.count("après la reprise") == 3
    assert "30 novembre" not in page.words
    assert "Rien n’a changé" in (await lea.do(PATH, deed="pause")).words
    assert "Le parcours reprend." in (await lea.do(PATH, deed="resume")).words


async def test_stopping_asks_first_and_keeps_what_came(ailo: Ailo, lea: Visitor, tmp_path: Path) -> None:
    await lea.do(PATH, deed="start")
    await work(ailo, tmp_path)
    asked = await lea.see(f"{PATH}/stop")
    assert "les étapes déjà reçues, à relire" in asked.words
    assert "Le parcours est arrêté." in (await lea.do(PATH, deed=asked.value("deed"))).words
    assert "Bonjour." in (await lea.see(FIRST)).words
    assert (await lea.see(f"{PATH}/stop")).status == 404


async def test_who_wants_no_letters_is_told_so(ailo: Ailo, cast: Cast, lea: Visitor) -> None:
    account, chosen = await cast.account("lea"), Preferences(letters=Letters(programmes=False))
    await ailo.store.database.write(lambda tx: preferences.keep(tx, ailo.store.guard, account.id, chosen))
    page = await lea.do(PATH, deed="start")
    assert "vous avez choisi de ne pas la recevoir par e-mail" in page.words


async def test_an_answer_is_a_message_to_the_companion(
    ailo: Ailo, cast: Cast, lea: Visitor, thread: ThreadId, tmp_path: Path
) -> None:
    await lea.do(PATH, deed="start")
    await work(ailo, tmp_path)
    page = await lea.see(FIRST)
    assert "En parler à Sam" in page.words
    assert "votre conversation avec Claire et Sam" in page.words or "votre conversation avec Sam et Claire" in page.words
    fields = hidden(page)
    for _ in range(2):  # sent twice, it is there once
        assert "Votre message est parti." in (await lea.do(FIRST, **fields, text=" J’ai respiré. ")).words
    other = await lea.post(FIRST, **fields, text="Un autre texte.")  # from a page that was gone back to
    assert other.status == 422
    assert "Un autre texte est déjà parti" in other.words
    assert "Un autre texte.</textarea>" in other.source
    sam = await cast.unlock("sam")
    found = await ailo.conversations.conversation.before(sam, thread, None, 50)
    said = typeset("À propos de l’étape « Respirer » :") + "\n\nJ’ai respiré."
    assert [(one.author, one.kind, one.text) for one in found] == [((await cast.account("lea")).id, "text", said)]


async def test_an_empty_answer_is_not_sent(ailo: Ailo, cast: Cast, lea: Visitor, thread: ThreadId, tmp_path: Path) -> None:
    await lea.do(PATH, deed="start")
    await work(ailo, tmp_path)
    refused = await lea.post(FIRST, **hidden(await lea.see(FIRST)), text=" \n ")
    assert refused.status == 422
    assert "Votre message n’est pas parti." in refused.words
    assert await ailo.conversations.conversation.before(await cast.unlock("sam"), thread, None, 50) == []


async def test_an_answer_reaches_those_alone_whom_the_page_named(
    ailo: Ailo, cast: Cast, lea: Visitor, thread: ThreadId, tmp_path: Path
) -> None:
    await lea.do(PATH, deed="start")
    await work(ailo, tmp_path)
    fields = hidden(await lea.see(FIRST))
    thomas = await cast.unlock("thomas")
    await ailo.conversations.participants.bring_in(await cast.unlock("sam"), thread, thomas.account.id, whole=False)
    refused = await lea.post(FIRST, **fields, text="Pour Claire et Sam.")
    assert refused.status == 422
    assert "Les personnes qui vous lisent ne sont plus les mêmes." in refused.words
    assert "Thomas" in refused.words
    assert "Pour Claire et Sam.</textarea>" in refused.source
    assert await ailo.conversations.conversation.before(thomas, thread, None, 50) == []
    assert "Votre message est parti." in (await lea.do(FIRST, **hidden(refused), text="Pour Thomas aussi.")).words


async def test_a_text_that_nobody_would_read_is_given_back(
    ailo: Ailo, cast: Cast, lea: Visitor, thread: ThreadId, tmp_path: Path
) -> None:
    await lea.do(PATH, deed="start")
    await work(ailo, tmp_path)
    fields = hidden(await lea.see(FIRST))
    for name in ("claire", "sam"):
        await ailo.conversations.participants.leave(thread, (await cast.account(name)).id)
    refused = await lea.post(FIRST, **fields, text="Il y a quelqu’un ?")
    assert refused.status == 422
    assert "Plus personne ne répond" in refused.words
    assert "Il y a quelqu’un ?</textarea>" in refused.source


async def test_the_conversation_opened_last_gets_the_answer(
    ailo: Ailo, cast: Cast, lea: Visitor, thread: ThreadId, tmp_path: Path, stopped_clock: StoppedClock
) -> None:
    """A change of who takes part in an older one does not make it newer."""
    stopped_clock.advance(1000)
    newer = await cast.open_thread("lea", "thomas", "sam")
    stopped_clock.advance(1000)
    await ailo.conversations.participants.leave(thread, (await cast.account("claire")).id)
    await lea.do(PATH, deed="start")
    await work(ailo, tmp_path)
    assert hidden(await lea.see(FIRST))["thread"] == str(newer)


async def test_what_came_in_an_earlier_round_can_be_read_in_the_next(ailo: Ailo, lea: Visitor, tmp_path: Path) -> None:
    await lea.do(PATH, deed="start")
    await work(ailo, tmp_path)
    await lea.do(PATH, deed="stop")
    page = await lea.do(PATH, deed="start")
    assert "Relire l’étape 1" in page.source
    assert "Bonjour." in (await lea.see(FIRST)).words


async def test_without_anybody_to_answer_there_is_no_form(
    ailo: Ailo, visit: Visit, souffler: ProgrammesCard, tmp_path: Path
) -> None:
    karim = await visit("karim")
    await karim.do(PATH, deed="start")
    await work(ailo, tmp_path)
    assert "<form" not in (await karim.see(FIRST)).source.partition("<main")[2].partition("</main>")[0]
    assert (await karim.post(FIRST, message="01a22988-683c-7afb-a41f-0d9f710d0b71", text="Bonjour")).status == 422


async def test_somebody_elses_programme_is_none(ailo: Ailo, lea: Visitor, visit: Visit, tmp_path: Path) -> None:
    await lea.do(PATH, deed="start")
    await work(ailo, tmp_path)
    karim = await visit("karim")
    for path in (PATH, f"{PATH}/stop", FIRST):
        assert (await karim.see(path)).status == 404
    for deed in ("pause", "resume", "stop"):
        assert (await karim.post(PATH, deed=deed)).status == 404
    assert (await karim.post("/programmes/nulle-part", deed="start")).status == 404
    assert "L’étape 2 arrive" in (await lea.see(PATH)).words


@pytest.mark.parametrize("name", ["claire", "sam", "ada"])
async def test_only_members_have_these_pages(visit: Visit, souffler: ProgrammesCard, name: str) -> None:
    other = await visit(name)
    assert {(await other.see(path)).status for path in ("/programmes", PATH, FIRST)} == {404}
    assert (await other.post(PATH, deed="start")).status == 404


async def test_a_form_of_another_site_changes_nothing(lea: Visitor) -> None:
    assert (await lea.post(PATH, origin="https://ailleurs.example", deed="start")).status == 403
    assert (await lea.post(PATH, deed="erase")).status == 404
    assert (await lea.see(PATH)).status == 404


async def test_what_has_ended_cannot_be_begun(lea: Visitor, souffler: ProgrammesCard) -> None:
    await souffler.programmes.end("souffler")
    assert "Aucun parcours pour l’instant" in (await lea.see("/programmes")).words
    assert "Ce parcours n’est plus proposé." in (await lea.do(PATH, deed="start")).words


async def test_a_pause_for_everybody_is_told(ailo: Ailo, lea: Visitor, souffler: ProgrammesCard) -> None:
    await lea.do(PATH, deed="start")
    await souffler.programmes.rest("souffler")
    assert "Ce parcours est en pause pour tout le monde." in (await lea.see(PATH)).words
    assert "en pause pour tout le monde" in (await lea.see("/programmes")).words
    await souffler.programmes.end("souffler")
    assert "Ce parcours n’est plus envoyé." in (await lea.see(PATH)).words
    assert "n’est plus envoyé" in (await lea.see("/programmes")).words
