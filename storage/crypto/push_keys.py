"""The key pair by which push services know this service (VAPID, RFC 8292): P-256, as they demand. It encrypts nothing."""

from dataclasses import dataclass

PRIVATE_BYTES = 32
PUBLIC_BYTES = 65


@dataclass(frozen=True, repr=False)
class PushKey:
    """``private_key`` is a number of 32 bytes, ``public_key`` an uncompressed point of 65."""

    private_key: bytes
    public_key: bytes

    @classmethod
    def fresh(cls) -> "PushKey":
        """A new one."""
        # Imported here: half as long again as a command takes to start, for what is done once in a service's life.
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

        key = ec.generate_private_key(ec.SECP256R1())
        number = key.private_numbers().private_value.to_bytes(PRIVATE_BYTES, "big")
        form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        return cls(number, key.public_key().public_bytes(*form))

    @classmethod
    def of(cls, both: bytes) -> "PushKey":
        """What ``both`` gave."""
        return cls(both[:PRIVATE_BYTES], both[PRIVATE_BYTES:])

    @property
    def both(self) -> bytes:
        """The private key, then the public one."""
        return self.private_key + self.public_key
