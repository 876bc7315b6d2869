"""E-mails that wait for their owner's word, the whole e-mail behind a message, and the end of the answers to earlier letters."""

import asyncio
import smtplib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from playwright.async_api import BrowserContext, Locator, Page, Route, expect

from tests.browser.conftest import (
    NARROW,
    PHONE,
    WIDE,
    Pair,
    Person,
    Service,
    Visitors,
    assert_accessible,
    assert_no_sideways_scroll,
    bubble,
    escape,
    shoot,
    sign_in_quietly,
    until_live,
)
from tests.browser.conversations.test_about import say_practice

pytestmark = pytest.mark.asyncio(loop_scope="session")

Mail = dict[str, Any]

LOOKS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": WIDE},
    "360-dark": {"viewport": PHONE, "color_scheme": "dark"},
    "320": {"viewport": NARROW},
    "forced-colours": {"viewport": WIDE, "forced_colors": "active"},
}
HOSTILE = '<img src=x onerror="document.title = 1"><b>gras</b> </div></section>'
TALK = [
    "Bonjour Claire, depuis la réorganisation je ne dors plus que quatre heures par nuit.",
    "Bonjour Léa. Merci de me l’écrire. À quel moment de la nuit vous réveillez-vous ?",
]
SHORT = "Vers trois heures, presque chaque nuit.\n\nMerci pour votre réponse, elle m’a fait du bien."
LONG = "\n\n".join(f"Paragraphe {n}. J’y pense souvent le soir, en rentrant, et je voulais vous le dire." for n in range(1, 12))


def mail(text: str = SHORT, subject: str = "Re: Une réponse vous attend", attachments: Sequence[str] = ()) -> Mail:
    return {
        "id": str(uuid4()),
        "at": "2026-03-03T09:12:00Z",
        "subject": subject,
        "text": text,
        "attachments": list(attachments),
    }


@dataclass
class Mailbox:
    """Stands in for the service: what waits in one thread, and what was asked for."""

    waiting: list[Mail]
    asked: list[str] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)  # deed -> status
    held: asyncio.Event | None = None

    async def open(self, context: BrowserContext, thread: str) -> None:
        await context.route(f"**/api/threads/{thread}/mails", self._list)
        await context.route(f"**/api/threads/{thread}/mails/*/*", self._settle)

    async def _list(self, route: Route) -> None:
        self.asked.append("list")
        await route.fulfill(json={"mails": self.waiting})

    async def _settle(self, route: Route) -> None:
        thread, id_, deed = (route.request.url.split("/")[place] for place in (-4, -2, -1))
        self.asked.append(deed)
        if self.held:
            await self.held.wait()
        if deed in self.refuse:
            return await route.fulfill(status=self.refuse[deed], json={"error": {"code": "no", "message": ""}})
        found = next(one for one in self.waiting if one["id"] == id_)
        self.waiting.remove(found)
        if deed == "discard":
            return await route.fulfill(status=204)
        return await route.fulfill(status=201, json=await self._posted(route, thread, found))

    async def _posted(self, route: Route, thread: str, found: Mail) -> Any:
        """The message that it becomes: a real one, so that its number is known to the service."""
        headers = {"Origin": "/".join(route.request.url.split("/", 3)[:3])}
        data = {"id": found["id"], "text": found["text"]}
        answer = await route.request.frame.page.request.post(f"/api/threads/{thread}/messages", data=data, headers=headers)
        assert answer.ok
        return {**await answer.json(), "kind": "email"}


async def context_of(visitors: Visitors, person: Person, **options: Any) -> BrowserContext:
    """A browser in which somebody is signed in."""
    context = await visitors.context(storage_state=visitors.sessions.get(person.email), **options)
    if person.email not in visitors.sessions:
        await sign_in_quietly(context, visitors.url, person)
        visitors.sessions[person.email] = await context.storage_state()
    return context


async def visit(visitors: Visitors, person: Person, thread: str, mailbox: Mailbox, **options: Any) -> Page:
    """Open the conversation with what waits in it."""
    context = await context_of(visitors, person, **options)
    await mailbox.open(context, thread)
    return await open_settled(visitors, context, thread)


async def open_settled(visitors: Visitors, context: BrowserContext, thread: str) -> Page:
    page = await visitors.another_page(context, f"/#{thread}")
    await expect(page.locator("[data-settled]")).to_have_count(1)
    return page


async def fill(visitors: Visitors, pair: Pair, *more: str) -> None:
    """Have them write to each other, and then the member alone."""
    authors = [pair.member, pair.professional, *([pair.member] * len(more))]
    for person, text in zip(authors, [*TALK, *more], strict=True):
        context = await context_of(visitors, person)
        data = {"id": str(uuid4()), "text": text}
        url, headers = f"/api/threads/{pair.thread}/messages", {"Origin": visitors.url}
        assert (await context.request.post(url, data=data, headers=headers)).ok


def card(page: Page) -> Locator:
    return page.get_by_role("region", name="de vous")


def status(page: Page) -> Locator:
    return page.locator("waiting-mails [role=status]")


TAKE, DISCARD = "C’est de moi : l’envoyer", "Ce n’est pas de moi : l’écarter"


def button(page: Page, name: str) -> Locator:
    return card(page).get_by_role("button", name=name.replace(" :", "\u202f:"), exact=True)


# What waits


async def test_where_nothing_waits_nothing_is_shown(visitors: Visitors, pair: Pair) -> None:
    mailbox = Mailbox([])
    page = await visit(visitors, pair.member, pair.thread, mailbox)
    await expect(card(page)).to_have_count(0)
    assert mailbox.asked == ["list"]


@pytest.mark.parametrize("look", LOOKS)
async def test_what_waits_is_plain_to_see(visitors: Visitors, pair: Pair, look: str) -> None:
    await fill(visitors, pair)
    page = await visit(visitors, pair.member, pair.thread, Mailbox([mail(attachments=["Compte rendu.pdf"])]), **LOOKS[look])
    await expect(card(page)).to_contain_text("Nous n’avons pas pu vérifier qu’il vient bien de vous")
    await expect(card(page).get_by_role("heading", name="Re: Une réponse vous attend")).to_be_visible()
    await expect(card(page)).to_contain_text("Vers trois heures, presque chaque nuit.")
    await expect(card(page)).to_contain_text("Pièce jointe non reçue\u202f: Compte rendu.pdf")
    await expect(status(page)).to_have_text("Un e-mail attend que vous disiez s’il vient de vous.")
    for name in (TAKE, DISCARD, "Plus tard"):
        await expect(button(page, name)).to_be_in_viewport(ratio=1)
    await check(page, f"waiting-mail-{look}")
    await button(page, DISCARD).click()
    await check(page, f"waiting-mail-question-{look}")


async def test_those_who_answer_have_it_too(visitors: Visitors, pair: Pair) -> None:
    await fill(visitors, pair)
    page = await visit(visitors, pair.professional, pair.thread, Mailbox([mail(), mail("Et j’oubliais : à jeudi.", "")]))
    await expect(card(page).get_by_role("heading", name="2 e-mails de vous")).to_be_visible()
    await expect(card(page).get_by_role("button", name="Lire la suite")).to_have_count(0)
    await expect(card(page).get_by_role("heading", name="Sans objet")).to_be_in_viewport()
    await expect(button(page, TAKE).last).not_to_be_in_viewport()  # Nobody is asked about what is not in sight.
    await check(page, "waiting-mails-dashboard-wide")


async def test_it_is_asked_for_when_the_page_is_seen_again_and_when_the_line_is_back(visitors: Visitors, pair: Pair) -> None:
    mailbox = Mailbox([])
    page = await visit(visitors, pair.member, pair.thread, mailbox)
    mailbox.waiting.append(mail())
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(card(page)).to_be_visible()
    mailbox.waiting.append(mail("Un second."))
    await page.context.set_offline(True)
    await page.evaluate("dispatchEvent(new Event('offline'))")
    await page.context.set_offline(False)
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(card(page).locator("waiting-mail")).to_have_count(2)


async def bring(service: Service, page: Page, person: Person, thread: str, text: str) -> None:
    """Bring an answer by LMTP that nobody vouches for, as the relay would."""
    account = (await (await page.request.get("/api/account")).json())["account"]["id"]
    to = await asyncio.to_thread(service.reply_address, account, thread)
    raw = f"From: {person.email}\r\nSubject: Re: Une réponse vous attend\r\nMessage-ID: <{uuid4()}@x.test>\r\n\r\n{text}\r\n"

    def send() -> None:
        with smtplib.LMTP("127.0.0.1", service.lmtp, "localhost") as client:
            client.sendmail(person.email, to, raw.encode())

    await asyncio.to_thread(send)


async def test_a_real_one_shows_at_once_is_posted_and_gone_in_all_tabs(visitors: Visitors, service: Service, pair: Pair) -> None:
    context = await context_of(visitors, pair.member)
    page, other = [await open_settled(visitors, context, pair.thread) for _ in range(2)]
    there = await open_settled(visitors, await context_of(visitors, pair.professional), pair.thread)
    for tab in (page, other, there):
        await until_live(tab)
    await bring(service, page, pair.member, pair.thread, "Je dors mieux, merci.")
    for tab in (page, other):
        await expect(card(tab)).to_contain_text("Je dors mieux, merci.")
    await expect(card(there)).to_have_count(0)
    await button(page, TAKE).click()
    for tab in (page, other, there):
        await expect(bubble(tab, "Je dors mieux, merci.")).to_be_visible()
    await expect(card(other)).to_have_count(0)
    await bring(service, page, pair.member, pair.thread, "Et ceci n’est pas de moi.")
    await expect(card(other)).to_contain_text("Et ceci n’est pas de moi.")
    await button(other, DISCARD).click()
    await button(other, "Oui, l’écarter").click()
    for tab in (page, other):
        await expect(card(tab)).to_have_count(0)
    await expect(there.get_by_text("Et ceci n’est pas de moi.")).to_have_count(0)


async def test_on_a_phone_what_is_offered_waits_until_it_is_put_off(visitors: Visitors, service: Service, pair: Pair) -> None:
    """With two conversations and an offer above, its buttons lay below the navigation, out of reach."""
    await service.open(pair.member, await service.add("professional", "Ines"))
    await fill(visitors, pair)
    context = await context_of(visitors, pair.member, viewport=PHONE, offers=True)
    await Mailbox([mail()]).open(context, pair.thread)
    page = await visitors.another_page(context, f"/member#{pair.thread}")
    await expect(card(page)).to_be_visible()
    await expect(page.locator("ways-offer")).to_be_hidden()
    for name in (TAKE, DISCARD):
        await expect(button(page, name)).to_be_in_viewport(ratio=1)
        await button(page, name).click(trial=True)  # Nothing lies over it.
    await shoot(page, "waiting-mail-360-offer")
    await button(page, "Plus tard").click()
    await expect(page.locator("ways-offer")).to_be_visible()


@pytest.mark.parametrize("viewport", [PHONE, NARROW], ids=["360", "320"])
async def test_on_a_phone_one_can_write_below(visitors: Visitors, service: Service, pair: Pair, viewport: dict[str, int]) -> None:
    """With two conversations and what is said of the answer, the field lay half below the navigation."""
    await service.open(pair.member, await service.add("professional", "Ines"))
    await fill(visitors, pair)
    await say_practice(await visitors.page_of(pair.professional), reply_within_hours=48)
    context = await context_of(visitors, pair.member, viewport=viewport)
    await Mailbox([mail(LONG)]).open(context, pair.thread)
    page = await visitors.another_page(context, f"/member#{pair.thread}")
    await expect(card(page)).to_be_visible()
    for name in (TAKE, DISCARD):
        await expect(button(page, name)).to_be_in_viewport(ratio=1)
        await button(page, name).click(trial=True)
    await shoot(page, f"waiting-mail-{viewport['width']}-write")
    for one in (page.locator("#composer"), page.locator(".composer__send")):
        box = await one.bounding_box()
        assert box
        await one.click(trial=True, position={"x": box["width"] / 2, "y": box["height"] - 2})
    await button(page, "Plus tard").click()
    folded = await card(page).bounding_box()
    assert folded
    assert folded["height"] < 100


async def test_each_conversation_has_its_own(visitors: Visitors, service: Service, pair: Pair) -> None:
    other = await service.open(pair.member, await service.add("professional", "Ines"))
    context = await context_of(visitors, pair.member)
    await Mailbox([mail("Pour Claire.")]).open(context, pair.thread)
    await Mailbox([mail("Pour Ines."), mail("Encore pour Ines.")]).open(context, other)
    page = await visitors.another_page(context, f"/member#{pair.thread}")
    await expect(card(page)).to_contain_text("Pour Claire.")
    await page.evaluate("(thread) => { location.hash = thread }", other)
    await expect(card(page).locator("waiting-mail")).to_have_count(2)
    await expect(card(page)).not_to_contain_text("Pour Claire.")


async def test_it_is_text_whatever_it_is(visitors: Visitors, pair: Pair) -> None:
    page = await visit(visitors, pair.member, pair.thread, Mailbox([mail(HOSTILE, HOSTILE, [HOSTILE, "<b>.pdf"])]))
    assert await card(page).locator(".waiting__text").text_content() == HOSTILE
    await expect(card(page).locator("img, b")).to_have_count(0)
    await expect(page).to_have_title("Claire — Ailo")


@pytest.mark.parametrize("look", ["wide", "320"])
async def test_a_long_one_is_cut_and_read_on(visitors: Visitors, pair: Pair, look: str) -> None:
    endless = mail(LONG, "R" * 300, ["x" * 200 + ".pdf", "photo.jpg"])
    page = await visit(visitors, pair.member, pair.thread, Mailbox([endless]), **LOOKS[look])
    text = card(page).locator(".waiting__text")
    more = card(page).get_by_role("button", name="Lire la suite")
    await expect(more).to_have_attribute("aria-expanded", "false")
    cut = await height_of(text)
    await check(page, f"waiting-mail-long-{look}")
    await more.click()
    less = card(page).get_by_role("button", name="Réduire")
    await expect(button(page, TAKE)).to_be_in_viewport(ratio=1)
    await expect(less).to_have_attribute("aria-expanded", "true")
    assert await height_of(text) > 3 * cut
    await expect(page.locator("#composer")).to_be_in_viewport()
    await shoot(page, f"waiting-mail-long-open-{look}")
    await less.click()
    await expect(more).to_be_visible()


async def test_one_without_text_can_only_be_discarded(visitors: Visitors, pair: Pair) -> None:
    mailbox = Mailbox([mail("", "Photos", ["a.jpg", "b.jpg"])])
    page = await visit(visitors, pair.member, pair.thread, mailbox, viewport=PHONE)
    await expect(card(page)).to_contain_text("Il n’y a pas de texte à envoyer")
    await expect(card(page)).to_contain_text("Pièces jointes non reçues\u202f: a.jpg et b.jpg")
    await expect(card(page).locator("waiting-mail").get_by_role("button")).to_have_count(1)
    await check(page, "waiting-mail-empty-360")
    await button(page, "L’écarter").click()
    await button(page, "Oui, l’écarter").click()
    await expect(card(page)).to_have_count(0)
    assert mailbox.asked[-1] == "discard"


async def test_while_a_keyboard_is_open_it_leaves_the_room(visitors: Visitors, pair: Pair) -> None:
    page = await visit(visitors, pair.member, pair.thread, Mailbox([mail()]), viewport=PHONE)
    await page.set_viewport_size({"width": 360, "height": 420})
    await expect(card(page)).to_be_visible()
    await page.locator("#composer").focus()
    await expect(card(page)).to_be_hidden()


async def test_whoever_wants_to_read_first_folds_it(visitors: Visitors, pair: Pair) -> None:
    await fill(visitors, pair)
    mailbox = Mailbox([mail()])
    page = await visit(visitors, pair.member, pair.thread, mailbox, viewport=PHONE)
    await button(page, "Plus tard").click()
    await expect(button(page, TAKE)).to_be_hidden()
    await expect(card(page)).to_contain_text("Un e-mail de vous")
    await expect(bubble(page, TALK[1])).to_be_in_viewport()
    await check(page, "waiting-mail-folded-360")
    await button(page, "Regarder").click()
    await expect(button(page, TAKE)).to_be_visible()
    await button(page, "Plus tard").click()
    mailbox.waiting.append(mail("Un second."))
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(button(page, TAKE).first).to_be_visible()


# Taken


async def test_one_s_own_is_posted_with_one_press(visitors: Visitors, pair: Pair) -> None:
    await fill(visitors, pair)
    mailbox = Mailbox([mail()])
    page = await visit(visitors, pair.member, pair.thread, mailbox)
    other = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await until_live(other)
    await button(page, TAKE).focus()
    await page.keyboard.press("Enter")
    for each in (page, other):
        await expect(bubble(each, "Vers trois heures")).to_be_visible()
    await expect(card(page)).to_have_count(0)
    await expect(status(page)).to_have_text("Votre e-mail est dans la conversation.")
    await expect(page.get_by_role("log")).to_be_focused()
    await shoot(page, "waiting-mail-taken-wide")
    assert mailbox.asked == ["list", "take"]


async def test_it_shows_without_a_live_line(visitors: Visitors, pair: Pair) -> None:
    """The answer itself brings the message."""
    visitors.tolerate("WebSocket")
    mailbox = Mailbox([mail()])
    context = await context_of(visitors, pair.member)
    await context.route_web_socket("**", lambda socket: socket.close())
    await mailbox.open(context, pair.thread)
    page = await visitors.another_page(context, "/member")
    await button(page, TAKE).click()
    row = page.locator("message-row").filter(has_text="Vers trois heures")
    await expect(row).to_contain_text("envoyé par e-mail")


async def test_the_next_one_gets_the_focus(visitors: Visitors, pair: Pair) -> None:
    page = await visit(visitors, pair.member, pair.thread, Mailbox([mail("Un.", "Un"), mail("Deux.", "Deux")]))
    await button(page, TAKE).first.click()
    await expect(card(page).get_by_role("heading", name="Deux")).to_be_focused()
    await expect(card(page).get_by_role("heading", name="Un e-mail de vous")).to_be_visible()
    await expect(card(page).locator("waiting-mail")).to_have_count(1)


async def test_pressed_twice_it_is_posted_once(visitors: Visitors, pair: Pair) -> None:
    mailbox = Mailbox([mail()], held=asyncio.Event())
    page = await visit(visitors, pair.member, pair.thread, mailbox)
    await button(page, TAKE).click()
    await expect(button(page, TAKE)).to_be_disabled()
    await button(page, TAKE).dispatch_event("click")
    assert mailbox.held
    mailbox.held.set()
    await expect(card(page)).to_have_count(0)
    assert mailbox.asked == ["list", "take"]


async def test_who_writes_meanwhile_goes_on_writing(visitors: Visitors, pair: Pair) -> None:
    mailbox = Mailbox([mail()], held=asyncio.Event())
    page = await visit(visitors, pair.member, pair.thread, mailbox)
    await button(page, TAKE).click()
    await page.locator("#composer").focus()
    assert mailbox.held
    mailbox.held.set()
    await expect(card(page)).to_have_count(0)
    await expect(page.locator("#composer")).to_be_focused()


async def test_what_failed_is_kept_and_tried_again(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("503")
    mailbox = Mailbox([mail()], refuse={"take": 503})
    page = await visit(visitors, pair.member, pair.thread, mailbox, viewport=PHONE)
    await button(page, TAKE).click()
    await expect(card(page).get_by_role("alert")).to_have_text(
        "Il n’est pas encore envoyé. Le service a un souci. Réessayez dans un instant."
    )
    await expect(button(page, "Réessayer")).to_be_focused()
    await check(page, "waiting-mail-trouble-360")
    await button(page, "Annuler").click()
    await expect(button(page, TAKE)).to_be_visible()
    await button(page, TAKE).click()
    await expect(button(page, "Réessayer")).to_be_focused()
    mailbox.refuse.clear()
    await button(page, "Réessayer").click()
    await expect(bubble(page, "Vers trois heures")).to_be_visible()
    await expect(card(page)).to_have_count(0)


async def test_one_that_waits_no_more_goes(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("404")
    page = await visit(visitors, pair.member, pair.thread, Mailbox([mail()], refuse={"take": 404}))
    await button(page, TAKE).click()
    await expect(card(page)).to_have_count(0)
    await expect(status(page)).to_have_text("Cet e-mail n’attend plus.")


async def test_a_change_of_who_reads_is_acknowledged_first(visitors: Visitors, service: Service) -> None:
    lea, claire, sam = await asyncio.gather(
        service.add("member", "Léa"), service.add("professional", "Claire"), service.add("companion", "Sam")
    )
    thread = await service.open(lea, claire, sam)
    mailbox = Mailbox([mail()])
    page = await visit(visitors, lea, thread, mailbox)
    await until_live(page)
    await service.leave(thread, sam)
    acknowledge = page.get_by_role("button", name="J’ai compris")
    await expect(acknowledge).to_be_visible()
    await button(page, TAKE).click()
    await expect(acknowledge).to_be_focused()
    assert mailbox.asked == ["list"]


# Discarded


async def test_somebody_else_s_is_discarded_after_a_question(visitors: Visitors, pair: Pair) -> None:
    mailbox = Mailbox([mail()])
    page = await visit(visitors, pair.member, pair.thread, mailbox)
    await button(page, DISCARD).click()
    question = card(page).get_by_role("group", name="L’écarter pour de bon")
    await expect(question).to_be_visible()
    await expect(button(page, "Annuler")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(button(page, DISCARD)).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")  # Whoever presses twice has discarded nothing.
    await expect(button(page, DISCARD)).to_be_focused()
    assert mailbox.asked == ["list"]
    await page.keyboard.press("Enter")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(card(page)).to_have_count(0)
    await expect(status(page)).to_have_text("L’e-mail est écarté.")
    await expect(page.get_by_role("log")).to_be_focused()
    await expect(page.locator("message-row")).to_have_count(0)
    assert mailbox.asked == ["list", "discard"]


async def test_a_discarding_that_failed_is_tried_again(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("503")
    mailbox = Mailbox([mail()], refuse={"discard": 503})
    page = await visit(visitors, pair.member, pair.thread, mailbox)
    await button(page, DISCARD).click()
    await button(page, "Oui, l’écarter").click()
    await expect(card(page).get_by_role("alert")).to_contain_text("Il n’est pas encore écarté.")
    mailbox.refuse.clear()
    await button(page, "Réessayer").click()
    await expect(card(page)).to_have_count(0)


# The whole e-mail


WHOLE = {
    "subject": "Re: Une réponse vous attend",
    "text": f"{SHORT}\n\n-- \nLéa\n06 00 00 00 00\n\nLe 2 mars 2026, Ailo a écrit :\n> Une réponse vous attend.\n> {'x' * 300}",
    "attachments": ["Compte rendu.pdf", "photo.jpg"],
}


async def show_mail(context: BrowserContext, pair: Pair, whole: Mail | int = WHOLE) -> None:
    """Have the last message but one of a conversation be an e-mail."""

    async def relabel(route: Route) -> None:
        answer = await (await route.fetch()).json()
        for message in answer["messages"]:
            message["kind"] = "email" if message["text"] == SHORT else message["kind"]
        await route.fulfill(json=answer)

    async def original(route: Route) -> None:
        assert UUID(route.request.url.rsplit("/", 1)[1])
        if isinstance(whole, int):
            return await route.fulfill(status=whole, json={"error": {"code": "no", "message": ""}})
        return await route.fulfill(json=whole)

    await context.route("**/messages?*", relabel)
    await context.route(f"**/api/threads/{pair.thread}/mails/*", original)


async def with_mail(visitors: Visitors, pair: Pair, person: Person, whole: Mail | int = WHOLE, **options: Any) -> Page:
    await fill(visitors, pair, SHORT, "Et merci encore.")
    context = await context_of(visitors, person, **options)
    await show_mail(context, pair, whole)
    return await open_settled(visitors, context, pair.thread)


def link(page: Page) -> Locator:
    return page.get_by_role("button", name="Voir tout l’e-mail")


async def height_of(shown: Locator) -> float:
    box = await shown.bounding_box()
    assert box is not None
    return box["height"]


def sheet(page: Page) -> Locator:
    return page.get_by_role("dialog", name="L’e-mail en entier")


@pytest.mark.parametrize("look", LOOKS)
async def test_all_of_one_s_own_e_mail_is_there(visitors: Visitors, pair: Pair, look: str) -> None:
    page = await with_mail(visitors, pair, pair.member, **LOOKS[look])
    await expect(link(page)).to_have_count(1)
    await expect(page.locator("message-row").filter(has=link(page))).to_contain_text("envoyé par e-mail")
    await check(page, f"mail-link-{look}")
    await link(page).click()
    await expect(sheet(page).get_by_role("heading", name="L’e-mail en entier")).to_be_focused()
    await expect(sheet(page)).to_contain_text("Envoyé par e-mail")
    await expect(sheet(page).get_by_role("heading", name=str(WHOLE["subject"]))).to_be_visible()
    assert await sheet(page).locator(".whole-mail__text").text_content() == WHOLE["text"]
    await expect(sheet(page)).to_contain_text("Pièces jointes non reçues\u202f: Compte rendu.pdf et photo.jpg")
    await check(page, f"whole-mail-{look}")
    await escape(page)
    await expect(link(page)).to_be_focused()


async def test_the_other_side_sees_it_too(visitors: Visitors, pair: Pair) -> None:
    page = await with_mail(visitors, pair, pair.professional)
    await expect(page.locator("message-row").filter(has=link(page))).to_contain_text("reçu par e-mail")
    await link(page).click()
    await expect(sheet(page)).to_contain_text("Léa, reçu par e-mail")
    await check(page, "whole-mail-dashboard-wide")


async def test_being_seen_leaves_the_link_where_the_focus_is(visitors: Visitors, pair: Pair) -> None:
    page = await with_mail(visitors, pair, pair.member)
    await until_live(page)
    await link(page).focus()
    other = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await expect(other.locator("message-row")).to_have_count(4)
    await expect(page.locator("message-row").filter(has=link(page))).to_contain_text("envoyé par e-mail · vu")
    await expect(link(page)).to_be_focused()


async def test_the_whole_of_it_is_text(visitors: Visitors, pair: Pair) -> None:
    whole = {"subject": "", "text": HOSTILE, "attachments": [HOSTILE]}
    page = await with_mail(visitors, pair, pair.member, whole)
    await link(page).click()
    assert await sheet(page).locator(".whole-mail__text").text_content() == HOSTILE
    await expect(sheet(page).locator("img, b")).to_have_count(0)
    await expect(sheet(page).get_by_role("heading", name="Sans objet")).to_be_visible()


async def test_a_very_long_one_is_read_to_its_end(visitors: Visitors, pair: Pair) -> None:
    page = await with_mail(visitors, pair, pair.member, {**WHOLE, "text": LONG * 8}, viewport=PHONE)
    await link(page).click()
    await expect(sheet(page).locator(".whole-mail__text")).to_be_visible()
    await sheet(page).get_by_text("Pièces jointes").scroll_into_view_if_needed()
    await expect(sheet(page).get_by_role("button", name="Fermer")).to_be_in_viewport()
    await check(page, "whole-mail-long-360")
    await sheet(page).get_by_role("button", name="Fermer").click()
    await expect(sheet(page)).to_have_count(0)


async def test_a_whole_e_mail_that_does_not_come_is_tried_again(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("503")
    page = await with_mail(visitors, pair, pair.member, 503)
    await link(page).click()
    await expect(sheet(page)).to_contain_text("Le service a un souci.")
    await check(page, "whole-mail-trouble-wide")
    await show_mail(page.context, pair)
    await sheet(page).get_by_role("button", name="Réessayer").click()
    await expect(sheet(page).locator(".whole-mail__text")).to_be_visible()
    await expect(sheet(page).get_by_role("heading", name="L’e-mail en entier")).to_be_focused()


async def test_where_only_the_message_was_kept_that_is_said(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("404")
    page = await with_mail(visitors, pair, pair.member, 404)
    await link(page).click()
    await expect(sheet(page)).to_contain_text("Seul le message a été gardé")
    await expect(sheet(page).get_by_role("button", name="Réessayer")).to_have_count(0)


# No more answers


@pytest.mark.parametrize("role", ["member", "professional"])
async def test_letters_so_far_take_no_more_answers(visitors: Visitors, pair: Pair, role: str) -> None:
    visitors.tolerate("503")
    person = pair.member if role == "member" else pair.professional
    page = await visitors.page_of(person, viewport=PHONE)
    answers = [503, 204]

    async def revoke(route: Route) -> None:
        assert route.request.method == "DELETE"
        if (status := answers.pop(0)) == 204:
            await route.fulfill(status=status)
        else:
            await route.fulfill(status=status, json={"error": {"code": "no", "message": ""}})

    await page.route("**/api/account/reply-addresses", revoke)
    await page.click("[popovertarget=account-menu]")
    await page.get_by_role("button", name="Mon compte").click()
    await page.get_by_role("button", name="E-mails : Choisir").click()
    section = page.get_by_role("region", name="Répondre par e-mail")
    await expect(section).to_contain_text("les messageries par lesquelles elle passe peuvent la lire")
    press = section.get_by_role("button", name="Ne plus accepter de réponses aux e-mails déjà reçus")
    await press.click()
    await expect(page.get_by_role("alert").get_by_text("Le service a un souci.")).to_be_visible()
    await press.click()
    await expect(page.locator("account-sheet .account__status")).to_have_text(
        "C’est fait\u202f: les e-mails déjà reçus n’acceptent plus de réponse."
    )
    await check(page, f"answers-{role}-360")


async def test_it_speaks_english(visitors: Visitors, service: Service) -> None:
    ann, claire = await asyncio.gather(service.add("member", "Ann", locale="en"), service.add("professional", "Claire"))
    thread = await service.open(ann, claire)
    page = await visit(visitors, ann, thread, Mailbox([mail()]), locale="en-GB")
    await expect(page.get_by_role("region", name="An e-mail from you?")).to_contain_text("Only you can see it.")
    await shoot(page, "waiting-mail-english-wide")


async def check(page: Page, name: str) -> None:
    await assert_no_sideways_scroll(page)
    await shoot(page, name)
    if not name.endswith("forced-colours"):
        await assert_accessible(page)
