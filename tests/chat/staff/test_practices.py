"""What staff say about how they answer: only they can change it, and only those who write with them see it."""

from datetime import UTC, datetime, timedelta

import pytest

from chat.ailo import Ailo
from chat.protocol.refusals import NotAllowed
from chat.staff import practices
from chat.staff.shapes import OwnPractice
from storage.ids import AccountId
from tests.chat.protocol.test_hub import Browser
from tests.chat.talk import Cast

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
AWAY = OwnPractice(48, SOON, "En congé jusqu’à lundi.")


def listen(ailo: Ailo, account: AccountId) -> Browser:
    browser = Browser()
    ailo.hub.join(account, browser, set())
    return browser


def abouts(browser: Browser) -> list[object]:
    return [frame["thread"] for frame in browser.frames if isinstance(frame, dict) and frame["type"] == "about"]


async def test_what_was_said_is_read_again(ailo: Ailo, cast: Cast) -> None:
    await ailo.staff.practices.write(await cast.unlock("claire"), AWAY)
    assert await ailo.staff.practices.read(await cast.unlock("claire")) == AWAY
    assert await ailo.staff.practices.read(await cast.unlock("sam")) == OwnPractice()


async def test_who_is_back_is_not_away_and_keeps_the_words(ailo: Ailo, cast: Cast) -> None:
    claire = await cast.unlock("claire")
    await ailo.staff.practices.write(claire, OwnPractice(48, datetime(2020, 1, 1, tzinfo=UTC), "En congé."))
    assert await ailo.staff.practices.read(claire) == OwnPractice(48, None, "En congé.")


async def test_a_time_that_no_calendar_shows_is_refused(ailo: Ailo, cast: Cast) -> None:
    claire = await cast.unlock("claire")
    await ailo.staff.practices.write(claire, OwnPractice(None, datetime(9999, 12, 31, 23, 59, tzinfo=UTC)))
    beyond = datetime.fromisoformat("9999-12-31T23:59:59-02:00")
    with pytest.raises(NotAllowed):
        await ailo.staff.practices.write(claire, OwnPractice(None, beyond))


async def test_all_who_write_with_somebody_hear_of_it(ailo: Ailo, cast: Cast) -> None:
    one, other = await cast.open_thread("lea", "claire"), await cast.open_thread("karim", "claire", "sam")
    elsewhere = await cast.open_thread("lea", "thomas")
    claire = await cast.unlock("claire")
    browsers = {name: listen(ailo, (await cast.account(name)).id) for name in ("lea", "karim", "sam", "claire", "thomas")}
    await ailo.staff.practices.write(claire, AWAY)
    heard = {name: set(map(str, abouts(browser))) for name, browser in browsers.items()}
    assert heard == {
        "lea": {str(one)}, "karim": {str(other)}, "sam": {str(other)}, "claire": {str(one), str(other)}, "thomas": set(),
    }  # fmt: skip
    assert str(elsewhere) not in heard["lea"]


async def test_who_has_left_hears_nothing(ailo: Ailo, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire", "sam")
    await cast.leave(thread, "sam")
    browser = listen(ailo, (await cast.account("sam")).id)
    await ailo.staff.practices.write(await cast.unlock("claire"), AWAY)
    assert abouts(browser) == []


async def test_of_many_threads_one_frame_tells(ailo: Ailo, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """One frame for each of a thousand threads would disconnect a slow reader."""
    monkeypatch.setattr(practices, "MOST_TOLD", 1)
    for name in ("lea", "karim"):
        await cast.open_thread(name, "claire")
    claire = await cast.unlock("claire")
    lea, own = listen(ailo, (await cast.account("lea")).id), listen(ailo, claire.account.id)
    await ailo.staff.practices.write(claire, AWAY)
    assert (len(abouts(lea)), abouts(own)) == (1, [None])
