"""The cache of verified content: what was verified is not checked again, and nothing else passes for it."""

from storage.conversations.verified_cache import Remembered, finding


def test_what_was_found_sound_is_remembered_and_nothing_else() -> None:
    remembered = Remembered(10)
    remembered.add(finding(b"these rows"))
    assert remembered.has(finding(b"these rows"))
    assert not remembered.has(finding(b"these rowz"))


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    remembered = Remembered(2)
    one, two, three = (finding(bytes([number])) for number in range(3))
    remembered.add(one)
    remembered.add(two)
    assert remembered.has(one)
    remembered.add(three)
    assert [remembered.has(it) for it in (one, two, three)] == [True, False, True]
    assert len(remembered) == 2
