"""A directory becomes a programme, or a line for everything that is wrong with it, each with its file and what to do."""

import os
from pathlib import Path

import pytest

from chat.programmes.folders import LARGEST, Folder, read_folder
from chat.programmes.importing import Course, Faulty, read_course
from delivery.shipped import shipped_programmes
from storage.programmes.plans import Audience
from tests.chat.programmes.directories import ABOUT, files, lesson, written

AT_NINE = 'hour = "09:00"'


def course(content: dict[str, str]) -> Course:
    return read_course(Folder(content, {}))


def faults(content: dict[str, str]) -> list[str]:
    """What is wrong with these files."""
    with pytest.raises(Faulty) as caught:
        course(content)
    return list(caught.value.lines)


def spoiled(name: str, content: str | None) -> dict[str, str]:
    """The usual files, with one of them changed, added or (None) missing."""
    changed = files(**({} if content is None else {name: content}))
    if content is None:
        del changed[name]
    return changed


def both(number: str, key: str, *lines: str) -> dict[str, str]:
    """The two files of a further lesson."""
    return {f"{number}-{key}.{language}.md": lesson(key, *lines) for language in ("fr", "en")}


def test_a_directory_is_read_as_its_author_wrote_it(tmp_path: Path) -> None:
    found = read_course(read_folder(written(tmp_path / "souffler", files())))
    assert (found.name, found.plan.titles, found.plan.audience) == (
        "souffler",
        {"fr": "Souffler", "en": "Breathe"},
        Audience.EVERYBODY,
    )
    one, two = found.plan.lessons
    assert (one.key, one.number, one.day, one.weekday, one.minute) == ("respirer", 1, 0, None, 540)
    assert (two.titles, two.day) == ({"fr": "Marcher", "en": "Walking"}, 7)
    assert found.texts["respirer"] == {"fr": "Bonjour.", "en": "Bonjour."}


def test_hidden_files_windows_lines_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    folder = written(tmp_path, {**files(), ".DS_Store": "\0"})
    (folder / "01-respirer.fr.md").write_bytes(b"\xef\xbb\xbf" + files()["01-respirer.fr.md"].replace("\n", "\r\n").encode())
    assert read_course(read_folder(folder)) == course(files())


def test_weekdays_are_named_in_english() -> None:
    weekly = [both(f"0{at + 1}", f"w{at}", f'weekday = "{name}"', AT_NINE) for at, name in enumerate(("monday", "Sunday"))]
    found = course({"programme.toml": ABOUT, **weekly[0], **weekly[1]})
    assert [one.weekday for one in found.plan.lessons] == [0, 6]


def test_two_variants_share_a_number_and_a_time_for_audiences_that_exclude_one_another() -> None:
    when = ("day = 14", AT_NINE)
    found = course({
        **files(),
        **both("03", "non", *when, 'audience = "others"'),
        **both("03", "non-managers", *when, 'audience = "managers"'),
    })  # fmt: skip
    assert [one.key for one in found.plan.seen_by(True)] == ["respirer", "marcher", "non-managers"]
    assert [one.key for one in found.plan.seen_by(None)] == ["respirer", "marcher", "non"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("02-marcher.en.md", None, "02-marcher.en.md is missing"),
        ("programme.toml", None, "programme.toml is missing"),
        ("programme.toml", "name = ", "programme.toml: has a broken header"),
        ("programme.toml", ABOUT + "colour = 1", "unknown field `colour`"),
        ("programme.toml", ABOUT.replace("souffler", "Le Souffle"), "`name` must be small letters"),
        ("programme.toml", ABOUT.replace('"souffler"', '"../souffler"'), "`name` must be small letters"),
        ("programme.toml", 'name = "souffler"', "`title` is missing"),
        ("programme.toml", ABOUT.replace(', en = "Breathe"', ""), "`title` must be given in each language"),
        ("programme.toml", ABOUT.replace('"everybody"', '"bosses"'), "`audience` must be one of"),
        ("01-respirer.fr.md", "Bonjour.", "must begin with its header"),
        ("01-respirer.fr.md", '+++\ntitle = "Sans fin"\n', "must begin with its header"),
        ("01-respirer.fr.md", lesson("R", "day == 0", AT_NINE), "has a broken header"),
        ("01-respirer.fr.md", lesson("R", "day = 0", AT_NINE, 'mood = "calm"'), "unknown field `mood`"),
        ("01-respirer.fr.md", lesson("", "day = 0", AT_NINE), "`title` must be one line"),
        ("01-respirer.fr.md", lesson("a\\nb", "day = 0", AT_NINE), "`title` must be one line"),
        ("01-respirer.fr.md", lesson("R", AT_NINE), "`day` and `weekday` are both missing"),
        ("01-respirer.fr.md", lesson("R", "day = 0", 'weekday = "monday"', AT_NINE), "`day` and `weekday` are both given"),
        ("01-respirer.fr.md", lesson("R", 'weekday = "lundi"', AT_NINE), "`weekday` must be one of monday"),
        ("01-respirer.fr.md", lesson("R", "day = -1", AT_NINE), "`day` must be a whole number"),
        ("01-respirer.fr.md", lesson("R", "day = true", AT_NINE), "`day` must be a whole number"),
        ("01-respirer.fr.md", lesson("R", 'day = "0"', AT_NINE), "`day` must be a whole number"),
        ("01-respirer.fr.md", lesson("R", "day = 0"), "`hour` is missing"),
        ("01-respirer.fr.md", lesson("R", "day = 0", 'hour = "25:00"'), "`hour` must be an hour of the day that exists"),
        ("01-respirer.fr.md", lesson("R", "day = 0", 'hour = "9h30"'), "`hour` must be an hour"),
        ("01-respirer.fr.md", lesson("R", "day = 0", "hour = 9"), "`hour` must be an hour"),
        ("01-respirer.fr.md", lesson("R", "day = 0", AT_NINE, 'audience = "all"'), "`audience` must be one of"),
        ("01-respirer.fr.md", lesson("R", "day = 1", AT_NINE), "01-respirer.en.md: differs from 01-respirer.fr.md in `day`"),
        ("01-respirer.fr.md", lesson("R", "day = 0", 'hour = "10:00"'), "differs from 01-respirer.fr.md in `hour`"),
        ("01-respirer.fr.md", lesson("R", "day = 0", AT_NINE, 'audience = "others"'), "in `audience`"),
        ("01-respirer.fr.md", lesson("R", text=" \n"), "has no text"),
        ("01-respirer.fr.md", lesson("R", text="Un <b>mot</b>."), "contains HTML"),
        ("01-respirer.fr.md", lesson("R", text="<script>alert(1)</script>"), "contains HTML or a script"),
        ("01-respirer.fr.md", lesson("R", text="Bonjour.\n\n<!-- caché -->"), "contains HTML"),
        ("01-respirer.fr.md", lesson("R", text="![photo](https://example.org/a.png)"), "contains an image"),
        ("01-respirer.fr.md", lesson("R", text="[lien](javascript:alert(1))"), "has a link"),
        ("01-respirer.fr.md", lesson("R", text="[lien](http://example.org)"), "has a link"),
        ("01-respirer.fr.md", lesson("R", text="<http://example.org>"), "has a link"),
        ("01-respirer.fr.md", lesson("R", text="[lien](/programmes)"), "has a link"),
        ("01-respirer.fr.md", lesson("R", text="[lien][x]\n\n[x]: data:text/html,a"), "has a link"),
        ("01-respirer.fr.md", lesson("R", text="> - [lien](//example.org)"), "has a link"),
        ("03-Respirer.fr.md", "", "is not named like"),
        ("respirer.fr.md", "", "is not named like"),
        ("03-souffle.de.md", "", "is not named like"),
        ("photo.png", "", "is not named like"),
        ("03-respirer.fr.md", lesson("R"), "has the same name and language as 01-respirer.fr.md"),
    ],
)  # fmt: skip
def test_each_fault_is_told_with_its_file_and_what_to_do(name: str, content: str | None, told: str) -> None:
    found = faults(spoiled(name, content))
    assert [line for line in found if told in line], found
    assert all(line.endswith(".") for line in found)


@pytest.mark.parametrize(
    "text", ["[à lire](https://example.org/a?b=c)", "<https://example.org>", "[écrire](mailto:a@example.org)", "[3114](tel:3114)"]
)
def test_links_out_of_the_letter_are_taken(text: str) -> None:
    content = spoiled("01-respirer.fr.md", lesson("R", text=text))
    assert course(content).texts["respirer"]["fr"] == text


@pytest.mark.parametrize("text", ["2 < 3 & 4 > 1", "`<b>`", "\\<b>", "    <script>", "« L’été »"])
def test_what_only_looks_like_html_is_text(text: str) -> None:
    assert course(spoiled("01-respirer.fr.md", lesson("R", text=f"Bonjour.\n\n{text}")))


def test_everything_that_is_wrong_is_told_at_once() -> None:
    content = files(**{
        "01-respirer.fr.md": lesson("R", 'hour = "25:00"', text="<b>"),
        "photo.png": "",
        "programme.toml": ABOUT + "a = 1\nb = 2",
    })  # fmt: skip
    del content["02-marcher.en.md"]
    assert [line.partition(":")[0] for line in faults(content)] == [
        "01-respirer.fr.md",
        "01-respirer.fr.md",
        "01-respirer.fr.md",
        "02-marcher.en.md is missing",
        "photo.png",
        "programme.toml",
        "programme.toml",
    ]


@pytest.mark.parametrize("audience", ["everybody", "others"])
def test_two_lessons_at_one_time_are_refused_if_anybody_would_get_both(audience: str) -> None:
    more = both("03", "autre", "day = 7", AT_NINE, f'audience = "{audience}"')
    assert "has the same day and hour as 02-marcher.fr.md" in faults(files(**more))[0]


def test_two_lessons_of_one_number_are_refused_if_anybody_would_get_both() -> None:
    assert "has the same number as 02-marcher.fr.md" in faults(files(**both("02", "autre", "day = 9", AT_NINE)))[0]


def test_a_programme_without_a_lesson_for_some_of_its_people_is_refused() -> None:
    for_managers = both("01", "a", "day = 0", AT_NINE, 'audience = "managers"')
    assert "There is no lesson for others" in faults({"programme.toml": ABOUT, **for_managers})[0]
    assert course({"programme.toml": ABOUT.replace('"everybody"', '"managers"'), **for_managers})
    assert "nobody would get it" in faults({"programme.toml": ABOUT.replace('"everybody"', '"others"'), **for_managers})[0]


def test_a_directory_without_lessons_is_refused(tmp_path: Path) -> None:
    assert "holds no lesson" in faults({"programme.toml": ABOUT})[0]
    with pytest.raises(Faulty, match="is missing"):
        read_course(read_folder(tmp_path))


def folder_faults(folder: Path) -> str:
    with pytest.raises(Faulty) as caught:
        read_course(read_folder(folder))
    return str(caught.value)


def test_a_file_that_is_too_large_or_not_utf_8_is_told(tmp_path: Path) -> None:
    folder = written(tmp_path, files(**{"01-respirer.fr.md": "x" * (LARGEST + 1)}))
    (folder / "01-respirer.en.md").write_bytes(b"+++\n\xff\n+++\n")
    (folder / os.fsdecode(b"\xff.md")).write_text("")
    (folder / "more").mkdir()
    told = folder_faults(folder)
    assert "01-respirer.fr.md: is larger than 32 KiB" in told
    assert "01-respirer.en.md: is not UTF-8" in told
    assert "more: is not a file" in told
    assert "is not named like" in told


def test_nothing_outside_the_directory_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text(lesson("Canary"))
    folder = written(tmp_path / "souffler", files())
    (folder / "01-respirer.fr.md").unlink()
    (folder / "01-respirer.fr.md").symlink_to(tmp_path / "secret.md")
    assert "01-respirer.fr.md: is a link to somewhere else" in folder_faults(folder)
    assert "Canary" not in str(read_folder(folder).texts)


def test_a_link_within_the_directory_is_a_file_like_any_other(tmp_path: Path) -> None:
    folder = written(tmp_path / "souffler", files())
    (folder / "01-respirer.fr.md").rename(folder / ".kept")
    (folder / "01-respirer.fr.md").symlink_to(".kept")
    assert read_course(read_folder(folder)) == course(files())


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    folder = written(tmp_path / "souffler", files())
    os.mkfifo(folder / "03-tube.fr.md")
    assert "03-tube.fr.md: is not a file" in folder_faults(folder)


def test_a_directory_that_does_not_exist_is_an_error_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_folder(tmp_path / "none")


def test_what_is_shipped_is_a_programme() -> None:
    assert [read_course(read_folder(folder)).name for folder in shipped_programmes()] == ["poser-ses-limites"]
