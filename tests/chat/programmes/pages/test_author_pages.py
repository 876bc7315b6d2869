"""What those who look after programmes see and do: numbers without names, publishing, pausing, previews; and who is refused."""

import re
from pathlib import Path

import pytest

from chat.ailo import Ailo
from chat.programmes.feature import ProgrammesCard
from chat.programmes.folders import Folder
from chat.programmes.importing import read_course
from delivery.jobs.lessons import send_lessons
from delivery.settings import DeliverySettings
from tests.chat.programmes.directories import ABOUT, files, lesson
from tests.chat.programmes.pages.conftest import Visit
from tests.chat.programmes.pages.visiting import Visitor
from tests.chat.talk import Cast

HOME = "/manage/programmes"
ONE = f"{HOME}/souffler"


async def imported(card: ProgrammesCard, *, is_draft: bool = False, **more: str) -> None:
    await card.programmes.import_(read_course(Folder({**files(**more), "programme.toml": ABOUT}, {})), is_draft=is_draft)


@pytest.fixture
async def souffler(ailo: Ailo) -> ProgrammesCard:
    card = ailo.of(ProgrammesCard)
    await imported(card)
    return card


@pytest.fixture
async def sam(visit: Visit, souffler: ProgrammesCard) -> Visitor:
    return await visit("sam")


def number_of(words: str, label: str) -> int:
    found = re.search(rf"{label} (\d+)", words)
    assert found, words
    return int(found[1])


async def test_numbers_say_who_is_where_and_no_names(
    ailo: Ailo, cast: Cast, souffler: ProgrammesCard, sam: Visitor, tmp_path: Path
) -> None:
    lea, karim = [(await cast.account(name)).id for name in ("lea", "karim")]
    await souffler.programmes.enrol("souffler", lea)
    await send_lessons(ailo.store, DeliverySettings("http://127.0.0.1:8080", tmp_path / "mail"))
    await souffler.programmes.enrol("souffler", karim)
    await souffler.programmes.pause("souffler", karim)
    page = await sam.see(ONE)
    assert [number_of(page.words, label) for label in ("Suivent", "En pause", "Ont terminé", "Ont arrêté")] == [1, 1, 0, 0]
    assert "1. Respirer jour 0, à 9 h tout le monde 1" in page.words
    assert "2. Marcher jour 7, à 9 h tout le monde 0" in page.words
    for source in (page.source, (await sam.see(HOME)).source):
        assert not {"Lea", "Karim", str(lea), str(karim)} & set(re.split(r"[^\w-]", source))


async def test_a_draft_is_looked_at_and_published(souffler: ProgrammesCard, sam: Visitor) -> None:
    await imported(souffler, is_draft=True, **{"01-respirer.fr.md": lesson("Souffler un peu", text="Nouveau texte.")})
    assert "brouillon à publier" in (await sam.see(HOME)).words
    assert "La version 2 attend d’être publiée." in (await sam.see(ONE)).words
    assert "Nouveau texte." in (await sam.see(f"{ONE}/2/respirer")).words
    assert "Nouveau texte." not in (await sam.see(f"{ONE}/1/respirer")).words
    asked = await sam.see(f"{ONE}/publish")
    assert "personne ne reçoit une étape deux fois" in asked.words
    done = await sam.do(ONE, deed="publish", version=asked.value("version"))
    assert "La version est publiée." in done.words
    assert "Souffler un peu" in done.words
    assert (await sam.see(f"{ONE}/publish")).status == 404
    for version in ("1", "2"):  # from a page that was open for long
        assert "Rien n’a changé" in (await sam.do(ONE, deed="publish", version=version)).words
    (found,) = await souffler.programmes.all()
    assert found.programme.published == 2


async def test_a_version_that_does_not_exist_is_not_published(sam: Visitor, souffler: ProgrammesCard) -> None:
    for version in ("3", "0", "-1", "x", ""):
        assert (await sam.post(ONE, deed="publish", version=version)).status == 404
    (found,) = await souffler.programmes.all()
    assert found.programme.published == 1


async def test_it_rests_for_everybody_and_goes_on(sam: Visitor) -> None:
    assert "plus aucune étape ne part" in (await sam.see(f"{ONE}/rest")).words
    assert "Le parcours est en pause pour tout le monde." in (await sam.do(ONE, deed="rest")).words
    assert (await sam.see(f"{ONE}/rest")).status == 404
    assert "Le parcours reprend pour tout le monde." in (await sam.do(ONE, deed="go-on")).words


@pytest.mark.parametrize(("language", "words"), [("fr", "Bonjour."), ("en", "Walking")])
async def test_the_letter_is_shown_in_a_frame_in_which_nothing_runs(sam: Visitor, language: str, words: str) -> None:
    page = await sam.see(f"{ONE}/1/marcher", language=language)
    address = f"{ONE}/1/marcher/letter"
    assert page.source.count(f'src="{address}?language={language}"') == 2
    answer = await sam.client.get(address, params={"language": language})
    assert words in await answer.text()
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_letter_is_shown_in_dark(sam: Visitor) -> None:
    light, dark = [await sam.see(f"{ONE}/1/marcher/letter", language="fr", **more) for more in ({}, {"dark": "yes"})]
    assert "prefers-color-scheme: dark" in light.source
    assert "prefers-color-scheme: dark" not in dark.source
    assert "@media all" in dark.source


NOWHERE = [
    f"{HOME}/nulle-part",
    f"{ONE}/3/respirer",
    f"{ONE}/x/respirer",
    f"{ONE}/{'1' * 4400}/respirer",
    f"{ONE}/1/dormir",
    f"{ONE}/1/respirer/letter",
]


@pytest.mark.parametrize("path", NOWHERE)
async def test_what_does_not_exist_is_not_found(sam: Visitor, path: str) -> None:
    assert (await sam.see(path, language="xx")).status == 404


@pytest.mark.parametrize("name", ["lea", "claire"])
async def test_members_and_professionals_have_no_such_pages(visit: Visit, souffler: ProgrammesCard, name: str) -> None:
    other = await visit(name)
    paths = (HOME, ONE, f"{ONE}/rest", f"{ONE}/publish", f"{ONE}/1/respirer", f"{ONE}/1/respirer/letter")
    assert {(await other.see(path)).status for path in paths} == {404}
    assert (await other.post(ONE, deed="rest")).status == 404
    (found,) = await souffler.programmes.all()
    assert found.programme.is_sent


async def test_an_administrator_may_and_another_site_may_not(visit: Visit, souffler: ProgrammesCard) -> None:
    ada = await visit("ada")
    assert (await ada.post(ONE, origin="null", deed="rest")).status == 403
    assert (await ada.see(HOME)).status == 200
    assert (await ada.post(ONE, deed="rest")).status == 303
    (found,) = await souffler.programmes.all()
    assert not found.programme.is_sent


async def test_without_programmes_it_says_where_they_come_from(visit: Visit) -> None:
    assert "ailo programme import" in (await (await visit("sam")).see(HOME)).words
