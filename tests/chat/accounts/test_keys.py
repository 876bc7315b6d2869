"""One's own means of access: the password, the recovery code, and a renewed key."""

import asyncio
from base64 import b32encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chat.accounts.keys import NewPassword
from chat.ailo import Ailo
from chat.auth.limits import SlowDown
from chat.auth.sign_in import Attempt, Granted, SignedIn, WrongCredentials
from chat.protocol.refusals import Misuse, NotFound
from storage.accounts import accounts
from storage.conversations.unlocked import Unlocked
from storage.crypto import keyholes
from storage.crypto.primitives import random_bytes
from storage.errors import Superseded
from storage.ids import ThreadId
from tests.chat.talk import Cast, Talk
from tests.people import PASSWORD, address

OWN, NEXT = "un mot de passe à moi", "et encore un autre"
LEA = Attempt(address("lea"), PASSWORD, "", "192.0.2.7")


@pytest.fixture
async def thread(cast: Cast) -> ThreadId:
    thread = await cast.open_thread("lea", "claire")
    await cast.say(await cast.unlock("lea"), thread, "un")
    return thread


async def sign_in(ailo: Ailo, password: str = PASSWORD) -> tuple[SignedIn, str]:
    granted = await ailo.sign_ins.sign_in(replace(LEA, password=password))
    return await behind(ailo, granted), granted.cookie


async def behind(ailo: Ailo, granted: Granted) -> SignedIn:
    found = await ailo.sign_ins.find(granted.cookie)
    assert found
    return found


async def change(ailo: Ailo, old: str, new: str, *, may_be_known: bool = False) -> tuple[SignedIn, str]:
    """Sign in and change the password; return the session and its cookie."""
    me, cookie = await sign_in(ailo, old)
    await ailo.accounts.keys.change_password(me, NewPassword(old, new, may_be_known), cookie)
    return me, cookie


@pytest.fixture
async def owned(ailo: Ailo, thread: ThreadId) -> ThreadId:
    """The thread, once Léa has set a password of her own."""
    await change(ailo, PASSWORD, OWN)
    return thread


async def public_key(cast: Cast) -> bytes:
    return (await cast.account("lea")).public_key


async def texts(ailo: Ailo, who: Unlocked, thread: ThreadId) -> list[str]:
    return [message.text for message in await ailo.conversations.conversation.before(who, thread, None, 50)]


# The password


async def test_the_first_change_of_an_operators_password_renews_the_key(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    before = await public_key(cast)
    await change(ailo, PASSWORD, OWN)
    assert await public_key(cast) != before
    me, _ = await sign_in(ailo, OWN)
    assert await texts(ailo, me.unlocked, thread) == ["un"]


async def test_an_ordinary_change_keeps_the_key(ailo: Ailo, cast: Cast, owned: ThreadId) -> None:
    before = await public_key(cast)
    await change(ailo, OWN, NEXT)
    assert await public_key(cast) == before
    me, _ = await sign_in(ailo, NEXT)
    assert await texts(ailo, me.unlocked, owned) == ["un"]


async def test_a_password_that_may_be_known_renews_the_key(ailo: Ailo, cast: Cast, owned: ThreadId) -> None:
    before = await public_key(cast)
    await change(ailo, OWN, NEXT, may_be_known=True)
    assert await public_key(cast) != before


@pytest.mark.parametrize("may_be_known", [False, True])
async def test_the_old_password_signs_in_no_more(ailo: Ailo, owned: ThreadId, may_be_known: bool) -> None:
    await change(ailo, OWN, NEXT, may_be_known=may_be_known)
    with pytest.raises(WrongCredentials):
        await sign_in(ailo, OWN)


@pytest.mark.parametrize("may_be_known", [False, True])
async def test_other_sessions_end_and_ones_own_goes_on(ailo: Ailo, owned: ThreadId, may_be_known: bool) -> None:
    _, other = await sign_in(ailo, OWN)
    _, own = await change(ailo, OWN, NEXT, may_be_known=may_be_known)
    assert await ailo.sign_ins.find(other) is None
    me = await ailo.sign_ins.find(own)
    assert me
    assert await texts(ailo, me.unlocked, owned) == ["un"]


async def test_a_wrong_old_password_changes_nothing(ailo: Ailo, cast: Cast, owned: ThreadId) -> None:
    me, cookie = await sign_in(ailo, OWN)
    before = await public_key(cast)
    with pytest.raises(WrongCredentials):
        await ailo.accounts.keys.change_password(me, NewPassword("un faux", NEXT, may_be_known=True), cookie)
    assert await public_key(cast) == before
    assert await sign_in(ailo, OWN)


@pytest.mark.parametrize("password", ["court", "x" * 1_001])
async def test_a_new_password_is_neither_short_nor_endless(ailo: Ailo, thread: ThreadId, password: str) -> None:
    me, cookie = await sign_in(ailo)
    with pytest.raises(Misuse):
        await ailo.accounts.keys.change_password(me, NewPassword(PASSWORD, password, may_be_known=False), cookie)
    with pytest.raises(Misuse):
        await ailo.accounts.keys.recover(replace(LEA, password=password), "code")


async def test_of_two_renewals_at_once_one_wins_and_the_other_is_told(ailo: Ailo, cast: Cast, owned: ThreadId) -> None:
    (one, first), (other, second) = await sign_in(ailo, OWN), await sign_in(ailo, OWN)
    ends = await asyncio.gather(
        ailo.accounts.keys.change_password(one, NewPassword(OWN, "le premier mot", may_be_known=True), first),
        ailo.accounts.keys.change_password(other, NewPassword(OWN, "le second mot", may_be_known=True), second),
        return_exceptions=True,
    )
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "Superseded"]
    winner = "le premier mot" if ends[0] is None else "le second mot"
    me, _ = await sign_in(ailo, winner)
    assert await texts(ailo, me.unlocked, owned) == ["un"]


async def test_a_session_of_before_a_renewal_proves_nothing(ailo: Ailo, owned: ThreadId) -> None:
    me, _ = await sign_in(ailo, OWN)
    await change(ailo, OWN, NEXT, may_be_known=True)
    for password in (OWN, NEXT):
        with pytest.raises(Superseded):
            await ailo.accounts.keys.make_code(me, password)


async def test_guesses_of_the_old_password_are_limited(ailo: Ailo, owned: ThreadId) -> None:
    me, cookie = await sign_in(ailo, OWN)
    ends = []
    for _ in range(20):
        with pytest.raises((WrongCredentials, SlowDown)) as caught:
            await ailo.accounts.keys.change_password(me, NewPassword("un faux", NEXT, may_be_known=False), cookie)
        ends.append(caught.type)
    assert (ends[:5], ends[-1]) == ([WrongCredentials] * 5, SlowDown)
    with pytest.raises(SlowDown):
        await ailo.accounts.keys.make_code(me, OWN)


async def test_many_guesses_at_once_are_no_way_around(ailo: Ailo, owned: ThreadId) -> None:
    me, _ = await sign_in(ailo, OWN)
    ends = await asyncio.gather(*(ailo.accounts.keys.make_code(me, "un faux") for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(end, WrongCredentials) for end in ends) <= 20


async def test_a_renewal_closes_other_connections_and_calls_ones_own_back(ailo: Ailo, owned: ThreadId) -> None:
    (me, cookie), (other, _) = await sign_in(ailo, OWN), await sign_in(ailo, OWN)
    told: list[str] = []
    for signed_in, name in ((me, "own"), (other, "other")):
        talk = Talk(ailo.conversations.conversation, signed_in.unlocked)
        talk.session.session_id = signed_in.session_id
        talk.session.when_signed_out(lambda name=name: told.append(f"{name} signed out"))  # type: ignore[misc]
        talk.session.when_restarted(lambda name=name: told.append(f"{name} restarted"))  # type: ignore[misc]
        await talk.join(ailo.hub)
    await ailo.accounts.keys.change_password(me, NewPassword(OWN, NEXT, may_be_known=True), cookie)
    assert told[0] == "other signed out"  # whatever follows finds that connection ending
    assert [one for one in told if one.startswith("own")] == ["own restarted"]


# A renewal requested by an operator, after an intrusion


async def ask_renewal(ailo: Ailo, cast: Cast) -> None:
    lea, store = (await cast.account("lea")).id, ailo.store
    await store.database.write(lambda tx: accounts.ask_renewal(tx, lea, store.clock()))


async def test_a_renewal_that_was_asked_for_comes_with_the_next_sign_in(ailo: Ailo, cast: Cast, owned: ThreadId) -> None:
    before = await public_key(cast)
    await ask_renewal(ailo, cast)
    me, _ = await sign_in(ailo, OWN)
    assert await public_key(cast) != before
    assert await texts(ailo, me.unlocked, owned) == ["un"]
    again = await public_key(cast)
    await sign_in(ailo, OWN)
    assert await public_key(cast) == again


async def test_it_ends_every_session_and_connection_of_before(ailo: Ailo, cast: Cast, owned: ThreadId) -> None:
    other, cookie = await sign_in(ailo, OWN)
    talk, told = Talk(ailo.conversations.conversation, other.unlocked), []
    talk.session.when_signed_out(lambda: told.append("signed out"))
    await talk.join(ailo.hub)
    await ask_renewal(ailo, cast)
    await sign_in(ailo, OWN)
    assert await ailo.sign_ins.find(cookie) is None
    assert told == ["signed out"]


async def test_two_who_sign_in_at_once_when_it_is_due_both_come_in(ailo: Ailo, cast: Cast, owned: ThreadId) -> None:
    await ask_renewal(ailo, cast)
    granted = await asyncio.gather(*(ailo.sign_ins.sign_in(replace(LEA, password=OWN)) for _ in range(3)))
    last = [signed_in for one in granted if (signed_in := await ailo.sign_ins.find(one.cookie))]
    assert last
    assert await texts(ailo, last[-1].unlocked, owned) == ["un"]


# The recovery code


@pytest.fixture
async def code(ailo: Ailo, owned: ThreadId) -> str:
    me, _ = await sign_in(ailo, OWN)
    return await ailo.accounts.keys.make_code(me, OWN)


async def recover(ailo: Ailo, code: str, password: str = NEXT, email: str = LEA.email) -> SignedIn:
    return await behind(ailo, await ailo.accounts.keys.recover(replace(LEA, email=email, password=password), code))


async def test_a_code_lets_in_and_nothing_is_lost(ailo: Ailo, cast: Cast, owned: ThreadId, code: str) -> None:
    before = await public_key(cast)
    me = await recover(ailo, code)
    assert await texts(ailo, me.unlocked, owned) == ["un"]
    assert await public_key(cast) != before
    await cast.say(me.unlocked, owned, "deux")
    assert await texts(ailo, await cast.unlock("claire"), owned) == ["un", "deux"]


async def test_after_a_code_only_the_new_password_signs_in(ailo: Ailo, owned: ThreadId, code: str) -> None:
    await recover(ailo, code)
    assert await sign_in(ailo, NEXT)
    with pytest.raises(WrongCredentials):
        await sign_in(ailo, OWN)


WAYS_TO_TYPE: dict[str, Callable[[str], str]] = {
    "as shown": lambda code: code,
    "in small letters": str.lower,
    "without hyphens": lambda code: code.replace("-", ""),
    "with spaces": lambda code: f"  {code.replace('-', ' ')} \n",
    "with digits for letters": lambda code: code.translate(str.maketrans("OIB", "018")),
    "with a hyphen too many": lambda code: f"-{code}-",
}


@pytest.mark.parametrize("way", WAYS_TO_TYPE)
async def test_a_code_may_be_typed_in_many_ways(
    ailo: Ailo, cast: Cast, owned: ThreadId, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyholes, "random_bytes", _with_every_letter)
    me, _ = await sign_in(ailo, OWN)
    code = await ailo.accounts.keys.make_code(me, OWN)
    monkeypatch.undo()
    assert {"O", "I", "B"} <= set(code)
    assert await recover(ailo, WAYS_TO_TYPE[way](code))


def _with_every_letter(size: int) -> bytes:
    """Random bytes whose base32 contains every letter that looks like a digit."""
    while not {"O", "I", "B"} <= set(b32encode(raw := random_bytes(size)).decode()):
        pass
    return raw


async def test_a_code_works_once(ailo: Ailo, owned: ThreadId, code: str) -> None:
    await recover(ailo, code)
    with pytest.raises(WrongCredentials):
        await recover(ailo, code)


async def test_a_code_used_twice_at_once_works_once(ailo: Ailo, owned: ThreadId, code: str) -> None:
    ends = await asyncio.gather(recover(ailo, code), recover(ailo, code, "un autre mot"), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["SignedIn", "WrongCredentials"]


async def test_a_new_code_takes_the_place_of_the_one_before(ailo: Ailo, owned: ThreadId, code: str) -> None:
    me, _ = await sign_in(ailo, OWN)
    newer = await ailo.accounts.keys.make_code(me, OWN)
    with pytest.raises(WrongCredentials):
        await recover(ailo, code)
    assert await recover(ailo, newer)


async def test_an_ordinary_change_of_password_leaves_the_code(ailo: Ailo, owned: ThreadId, code: str) -> None:
    await change(ailo, OWN, NEXT)
    assert await recover(ailo, code, "un troisième")


async def test_a_renewal_spends_the_code(ailo: Ailo, owned: ThreadId, code: str) -> None:
    await change(ailo, OWN, NEXT, may_be_known=True)
    with pytest.raises(WrongCredentials):
        await recover(ailo, code)


WRONG_CODES = ["", "x", "é", "AAAA-AAAA", "A" * 26, "A" * 100, "=" * 26, "1" * 26, "\0" * 26]


@pytest.mark.parametrize("wrong", WRONG_CODES)
async def test_a_wrong_code_opens_nothing(ailo: Ailo, owned: ThreadId, code: str, wrong: str) -> None:
    with pytest.raises(WrongCredentials):
        await recover(ailo, wrong)
    assert await sign_in(ailo, OWN)


async def test_a_code_is_for_its_own_account(ailo: Ailo, owned: ThreadId, code: str) -> None:
    for email in (address("karim"), "nobody@ailo.test"):
        with pytest.raises(WrongCredentials):
            await recover(ailo, code, email=email)


async def test_an_unknown_address_costs_what_a_known_one_does(
    ailo: Ailo, owned: ThreadId, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly one computation of Argon2id, whichever of the address and the code is right."""
    stretched: list[int] = []
    stretch = keyholes.stretch

    def noted(password: str, salt: bytes, profile: int) -> keyholes.Stretched:
        stretched.append(profile)
        return stretch(password, salt, profile)

    monkeypatch.setattr(keyholes, "stretch", noted)
    for email, typed in (("nobody@ailo.test", code), (address("karim"), code), (LEA.email, "AAAA"), (LEA.email, code)):
        stretched.clear()
        await asyncio.gather(recover(ailo, typed, email=email), return_exceptions=True)
        assert stretched == [0], email


async def test_guesses_of_a_code_are_limited(ailo: Ailo, owned: ThreadId, code: str) -> None:
    ends = []
    for _ in range(20):
        with pytest.raises((WrongCredentials, SlowDown)) as caught:
            await recover(ailo, "AAAA-AAAA")
        ends.append(caught.type)
    assert (ends[:5], ends[-1]) == ([WrongCredentials] * 5, SlowDown)


async def test_guesses_of_a_code_shut_neither_the_password_nor_the_code(ailo: Ailo, owned: ThreadId, code: str) -> None:
    for _ in range(20):
        with pytest.raises((WrongCredentials, SlowDown)):
            await recover(ailo, "AAAA-AAAA")
    assert await sign_in(ailo, OWN)
    assert await recover(ailo, code)


async def test_a_code_is_made_only_with_the_password(ailo: Ailo, owned: ThreadId) -> None:
    me, _ = await sign_in(ailo, OWN)
    with pytest.raises(WrongCredentials):
        await ailo.accounts.keys.make_code(me, "un faux")


@pytest.mark.parametrize("forgery", ["body = zeroblob(120)", "body = 'x'", "generation = 9", "profile = 7"])
async def test_a_forged_code_keyhole_opens_nothing(ailo: Ailo, owned: ThreadId, code: str, forgery: str) -> None:
    await ailo.store.database.write(lambda tx: tx.run(f"update keyholes set {forgery} where kind = 'recovery'"))
    if forgery.startswith("body"):
        with pytest.raises(WrongCredentials):
            await recover(ailo, code)
    else:
        assert await recover(ailo, code)  # these columns are not read: the account's own generation binds the code


async def test_one_is_told_which_ways_there_are(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    found = await ailo.accounts.keys.ways(await cast.account("lea"))
    assert (found.has_recovery_code, found.password_by_owner) == (False, False)
    await change(ailo, PASSWORD, OWN)
    me, _ = await sign_in(ailo, OWN)
    await ailo.accounts.keys.make_code(me, OWN)
    found = await ailo.accounts.keys.ways(await cast.account("lea"))
    assert (found.has_recovery_code, found.password_by_owner) == (True, True)


async def test_nothing_typed_is_in_a_repr(ailo: Ailo, owned: ThreadId) -> None:
    assert OWN not in repr(NewPassword(OWN, OWN, may_be_known=False))


async def test_the_draft_key_changes_with_the_key(ailo: Ailo, owned: ThreadId) -> None:
    me, _ = await sign_in(ailo, OWN)
    _, cookie = await change(ailo, OWN, NEXT, may_be_known=True)
    now = await ailo.sign_ins.find(cookie)
    assert now
    assert me.unlocked.key.draft_key() != now.unlocked.key.draft_key()


async def test_the_old_key_is_of_no_use_on_a_connection_that_is_still_there(ailo: Ailo, cast: Cast, owned: ThreadId) -> None:
    me, _ = await sign_in(ailo, OWN)
    await change(ailo, OWN, NEXT, may_be_known=True)
    with pytest.raises(NotFound):
        await cast.say(me.unlocked, owned, "deux")


async def test_a_sign_in_that_a_change_overtakes_gets_no_session(
    ailo: Ailo, owned: ThreadId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is changed while a sign-in computes the old one: the old one no longer opens anything."""
    me, cookie = await sign_in(ailo, OWN)
    stretch = ailo.sign_ins._stretch

    async def overtaken(*given: Any) -> keyholes.Stretched:
        stretched = await stretch(*given)
        monkeypatch.setattr(ailo.sign_ins, "_stretch", stretch)
        await ailo.accounts.keys.change_password(me, NewPassword(OWN, NEXT, may_be_known=False), cookie)
        return stretched

    monkeypatch.setattr(ailo.sign_ins, "_stretch", overtaken)
    with pytest.raises(WrongCredentials):
        await ailo.sign_ins.sign_in(replace(LEA, password=OWN))
