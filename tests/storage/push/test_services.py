"""Which hosts are asked to deliver: those of the browsers that people use, those that the settings add, and no others."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.push.services import KNOWN, LONGEST, host_of

ENDPOINTS = {
    "https://fcm.googleapis.com/fcm/send/dQw4w9WgXcQ:APA91bH-_x": "fcm.googleapis.com",
    "https://fcm.googleapis.com:443/wp/x": "fcm.googleapis.com",
    "https://updates.push.services.mozilla.com/wpush/v2/gAAAAA": "updates.push.services.mozilla.com",
    "https://wns2-par02p.notify.windows.com/w/?token=BQYAAAB%2b%2f": "wns2-par02p.notify.windows.com",
    "https://web.push.apple.com/QGuQyavXutnMH": "web.push.apple.com",
}
REFUSED = [
    "",
    "http://fcm.googleapis.com/fcm/send/1",
    "HTTPS://fcm.googleapis.com/1",
    "https://fcm.googleapis.com",
    "https://fcm.googleapis.com:8443/1",
    "https://FCM.googleapis.com/1",
    "https://user@fcm.googleapis.com/1",
    "https://fcm.googleapis.com@127.0.0.1/1",
    "https://127.0.0.1/fcm.googleapis.com/",
    "https://127.0.0.1\\@fcm.googleapis.com/1",
    "https://fcm.googleapis.com\\.example.org/1",
    "https://fcm.googleapis.com.example.org/1",
    "https://evilfcm.googleapis.com/1",
    "https://notify.windows.com/1",
    "https://xnotify.windows.com/1",
    "https://fcm.googleapis.com/1#fragment",
    "https://fcm.googleapis.com/a b",
    "https://fcm.googleapis.com/a\r\nHost: x",
    "https://fcm.googleapis.com/é",
    "https://[::1]/1",
    "https://localhost/1",
    f"https://fcm.googleapis.com/{'x' * LONGEST}",
]


@pytest.mark.parametrize(("endpoint", "host"), ENDPOINTS.items())
def test_the_services_of_the_usual_browsers_are_known(endpoint: str, host: str) -> None:
    assert host_of(endpoint) == host


@pytest.mark.parametrize("endpoint", REFUSED)
def test_nothing_else_is(endpoint: str) -> None:
    assert host_of(endpoint) is None


def test_a_setting_adds_others() -> None:
    more = frozenset({"push.example.org", "localhost:4443", "*.example.net"})
    assert host_of("https://push.example.org/1", more) == "push.example.org"
    assert host_of("https://localhost:4443/1", more) == "localhost:4443"
    assert host_of("https://a.b.example.net/1", more) == "a.b.example.net"
    assert host_of("https://localhost/1", more) is None
    assert host_of("https://localhost:4444/1", more) is None
    assert host_of("https://example.net/1", more) is None


hosts = st.sampled_from([*KNOWN, "127.0.0.1", "localhost", "example.org"]).map(lambda host: host.replace("*", "a"))
pieces = st.one_of(
    hosts, st.sampled_from(["https://", "http://", "//", "@", ":", "/", "\\", "?", "#", ".", "443", "%2e", "\t"]), st.text()
)


@given(st.lists(pieces, max_size=8).map("".join))
def test_another_program_reads_the_same_host(endpoint: str) -> None:
    if (host := host_of(endpoint)) is None:
        return
    url = urlsplit(endpoint)
    assert (url.scheme, url.hostname, url.username, url.port) == ("https", host, None, url.port)
    assert url.port in {None, 443}
    assert any(host == known or host.endswith(known.removeprefix("*")) for known in KNOWN)
