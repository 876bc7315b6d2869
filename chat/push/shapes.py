"""What browsers give to be told by push, as they name it (Push API), and what they get."""

from base64 import urlsafe_b64decode

import msgspec

from storage.push.subscriptions import Subscription

P256DH_BYTES = 65
AUTH_BYTES = 16


class Keys(msgspec.Struct, frozen=True):
    """The browser's public key, and the secret that it shares with the service, both in URL-safe base64."""

    p256dh: str
    auth: str

    def __repr__(self) -> str:
        return "Keys()"


class GivenSubscription(msgspec.Struct, frozen=True):
    """What `PushSubscription.toJSON()` gives; what else is in it is ignored."""

    endpoint: str
    keys: Keys

    def __repr__(self) -> str:
        return "GivenSubscription()"

    def read(self) -> Subscription | None:
        """The subscription, or None if its keys are none. Whether the key is a point on the curve turns out when it is used."""
        p256dh, auth = _bytes(self.keys.p256dh), _bytes(self.keys.auth)
        if len(p256dh) != P256DH_BYTES or p256dh[0] != 4 or len(auth) != AUTH_BYTES:
            return None
        return Subscription(self.endpoint, p256dh, auth)


class PushOffer(msgspec.Struct, frozen=True):
    """``key``: the service's public key, in URL-safe base64; None where it can tell nobody by push."""

    key: str | None


def _bytes(text: str) -> bytes:
    """What URL-safe base64 stands for, with padding or without; empty if it is none."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
