"""One's own account: an offer that can be put off, a new password, a recovery code and its use."""

import asyncio

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.accounts.test_own_settings import expect_saved
from tests.browser.conftest import PASSWORD, PHONE, Pair, Service, Visitors, assert_accessible, bubble, post, shoot, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

TURNED_WHILE_WRITING = """async () => {
  const { Safe } = await import("/static/models/safe.js")
  const [before, after] = [1, 2].map((number) => btoa(String.fromCharCode(number).repeat(32)))
  const encrypt = crypto.subtle.encrypt.bind(crypto.subtle)
  let free
  const turned = new Promise((resolve) => (free = resolve))
  crypto.subtle.encrypt = async (...terms) => { await turned; return encrypt(...terms) }
  const safe = await Safe.open("anybody", before)
  const kept = safe.keep("draft:1", "Une phrase")
  const turning = safe.turnTo(after)
  setTimeout(free, 200)
  await Promise.all([kept, turning])
  return (await Safe.open("anybody", after)).find("draft:1")
}"""
NEW = "une autre phrase, plus longue"


async def open_account(page: Page) -> None:
    await page.click("[popovertarget=account-menu]")
    await page.get_by_role("button", name="Mon compte").click()


async def fill_password(page: Page, old: str, new: str) -> None:
    await page.fill("account-sheet input[name=old]", old)
    await page.fill("account-sheet input[name=new]", new)
    await page.get_by_role("button", name="Changer le mot de passe").click()


async def make_code(page: Page, password: str) -> str:
    await page.fill("account-sheet input[name=password]", password)
    await page.get_by_role("button", name="Créer le code").click()
    return await page.locator(".account__code").get_attribute("aria-label") or ""


async def test_the_offer_leads_to_password_and_code(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member, offers=True)
    await expect(member.locator("ways-offer")).to_contain_text("Votre mot de passe a été choisi pour vous")
    await shoot(member, "member-offer-wide")
    await assert_accessible(member)
    await member.get_by_role("button", name="Choisir mon mot de passe").click()
    await expect(member.locator("account-sheet input[name=old]")).to_be_focused()
    await shoot(member, "account-password-wide")
    await assert_accessible(member)
    await fill_password(member, PASSWORD, NEW)
    await expect(member.get_by_text("Votre mot de passe est changé")).to_be_visible()
    await member.get_by_role("button", name="Créer un code de secours").last.click()
    code = await make_code(member, NEW)
    assert len(code.replace(" ", "")) == 26
    await member.keyboard.press("Escape")
    await shoot(member, "account-code-wide")
    await assert_accessible(member)
    await member.get_by_role("button", name="Je l’ai noté").click()
    await expect(member.locator("ways-offer")).to_be_hidden()


async def test_the_offer_can_be_put_off(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member, offers=True, viewport=PHONE)
    await shoot(member, "member-offer-360")
    await member.get_by_role("button", name="Plus tard").click()
    await expect(member.locator("ways-offer")).to_be_hidden()
    await member.reload()
    await expect(member.locator("[data-state=ready]")).to_have_count(1)
    await expect(member.locator("ways-offer")).to_be_hidden()


async def test_a_change_of_password_keeps_the_line_and_the_draft(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("401")
    member = await visitors.page_of(pair.member, offers=True)
    await member.fill("#composer", "Une phrase commencée")
    await open_account(member)
    await member.get_by_role("button", name="Mot de passe : Changer").click()
    await fill_password(member, "pas le bon", NEW)
    await expect(member.get_by_role("alert").get_by_text("Ce mot de passe n’est pas le bon")).to_be_visible()
    await fill_password(member, PASSWORD, NEW)
    await expect(member.get_by_text("Votre mot de passe est changé")).to_be_visible()
    await member.keyboard.press("Escape")
    await expect(member.get_by_text("En direct")).to_be_visible()
    await member.reload()
    await expect(member.locator("#composer")).to_have_value("Une phrase commencée")
    await write(member, "Toujours là.")
    await expect(member.locator("message-row").last).to_contain_text("envoyé")


async def test_a_change_of_password_is_done_when_the_draft_is_safe(visitors: Visitors, pair: Pair) -> None:
    """The page reports the change only once the draft is safe: whoever reads that it is done may close the page at once."""
    visitors.tolerate("401")
    member = await visitors.page_of(pair.member, offers=True)
    await member.fill("#composer", "Une phrase commencée")
    await open_account(member)
    await member.get_by_role("button", name="Mot de passe : Changer").click()
    asked, free = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await free.wait()
        await route.continue_()

    await member.route("**/api/account/draft-key", hold)
    await fill_password(member, PASSWORD, NEW)
    await asked.wait()
    await expect(member.get_by_text("Votre mot de passe est changé")).to_be_hidden()
    free.set()
    await expect(member.get_by_text("Votre mot de passe est changé")).to_be_visible()
    await member.reload()
    await expect(member.locator("#composer")).to_have_value("Une phrase commencée")


async def test_what_is_being_kept_when_the_key_turns_is_kept_under_the_new_one(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    assert await member.evaluate(TURNED_WHILE_WRITING) == "Une phrase"


async def test_a_forgotten_password_loses_nothing(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("401")
    member = await visitors.page_of(pair.member, offers=True)
    await post(member, pair.thread, ["Écrit avant l’oubli."])
    await open_account(member)
    await member.get_by_role("button", name="Code de secours : Créer").click()
    code = await make_code(member, PASSWORD)
    door = await (await visitors.context(viewport=PHONE)).new_page()
    await door.goto("/sign-in")
    await door.fill("input[name=email]", pair.member.email)
    await door.get_by_role("button", name="Mot de passe oublié ?").click()
    await door.fill("input[name=code]", "AAAA-BBBB")
    await door.fill("input[name=new]", NEW)
    await door.keyboard.press("Enter")
    await expect(door.get_by_role("alert").get_by_text("ne vont pas ensemble")).to_be_visible()
    await shoot(door, "sign-in-recovery-360")
    await assert_accessible(door)
    await door.fill("input[name=code]", code.lower())
    await door.keyboard.press("Enter")
    await door.wait_for_url("**/member")
    await expect(bubble(door, "Écrit avant l’oubli.")).to_be_visible()
    await expect(member.get_by_text("Votre session est terminée")).to_be_attached()


async def test_the_account_is_plain_to_see(service: Service, visitors: Visitors) -> None:
    claire = await service.add("professional", "Claire")
    for look in ("light", "dark"):
        page = await visitors.page_of(claire, color_scheme=look, viewport=PHONE)
        await open_account(page)
        await expect(page.get_by_role("heading", name="Mon compte")).to_be_visible()
        await shoot(page, f"account-360-{look}")
        await assert_accessible(page)


async def test_enter_sends_for_those_who_like_it(visitors: Visitors, pair: Pair) -> None:
    claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await open_account(claire)
    await claire.get_by_label("Entrée envoie le message").check()
    await claire.get_by_label("Raccourcis à une touche").uncheck()
    await expect_saved(claire)  # The shortcuts are there until then.
    await shoot(claire, "account-wide")
    await claire.keyboard.press("Escape")
    await expect(claire.locator("account-sheet")).to_have_count(0)  # Chromium closes it some time after the key.
    await claire.keyboard.press("?")
    await claire.fill("#composer", "Une ligne")
    await claire.keyboard.press("Shift+Enter")
    await claire.keyboard.type("une autre")
    await claire.keyboard.press("Enter")
    await expect(bubble(claire, "Une ligne")).to_have_text("Une ligne\nune autre")
    await expect(claire.get_by_role("heading", name="Au clavier")).to_have_count(0)


async def test_what_was_checked_is_told(visitors: Visitors) -> None:
    page = await (await visitors.context()).new_page()
    await page.goto("/sign-in")
    await page.get_by_role("link", name="Accessibilité").click()
    await expect(page.get_by_role("heading", name="Accessibilité")).to_be_visible()
    await shoot(page, "accessibility-wide")
    await assert_accessible(page)
