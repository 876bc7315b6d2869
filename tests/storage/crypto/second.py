"""A second implementation of every value that Ailo stores, which shares no code with the first.

BLAKE2b, HChaCha20 and HSalsa20 are implemented here from RFC 7693, draft-irtf-cfrg-xchacha and the Salsa20 specification;
ChaCha20-Poly1305, X25519 and Argon2id come from `cryptography`. ``vectors`` makes one value of each kind from fixed keys and
nonces. `python -m tests.storage.crypto.second` writes them to `vectors.json`, only when a kind is added: a vector that is in
the file never changes, and must open for ever.
"""

import json
import struct
from base64 import b32encode, b64encode
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

FILE = Path(__file__).with_name("vectors.json")
Part = bytes | str | int | UUID
Vectors = dict[str, str]

# BLAKE2b (RFC 7693), with a key and a personalisation

IV = (
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
)  # fmt: skip
SIGMA = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
)
COLUMNS_AND_DIAGONALS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip
MASK_64, MASK_32 = 2**64 - 1, 2**32 - 1


def blake2b(key: bytes, person: bytes, message: bytes, size: int = 32) -> bytes:
    """BLAKE2b of a message."""
    parameters = bytes([size, len(key), 1, 1]) + bytes(44) + person.ljust(16, b"\0")
    state = [one ^ other for one, other in zip(IV, struct.unpack("<8Q", parameters), strict=True)]
    data = (key.ljust(128, b"\0") if key else b"") + message
    blocks = [data[at : at + 128] for at in range(0, len(data), 128)] or [b""]
    for number, block in enumerate(blocks, 1):
        is_last = number == len(blocks)
        state = _compressed(state, block, len(data) if is_last else 128 * number, is_last=is_last)
    return struct.pack("<8Q", *state)[:size]


def _compressed(state: list[int], block: bytes, count: int, *, is_last: bool) -> list[int]:
    words, work = struct.unpack("<16Q", block.ljust(128, b"\0")), [*state, *IV]
    work[12] ^= count
    work[14] ^= MASK_64 if is_last else 0
    for number in range(12):
        order = SIGMA[number % 10]
        for at, places in enumerate(COLUMNS_AND_DIAGONALS):
            _mix(work, places, words[order[2 * at]], words[order[2 * at + 1]])
    return [one ^ work[at] ^ work[at + 8] for at, one in enumerate(state)]


def _mix(work: list[int], places: tuple[int, int, int, int], one: int, other: int) -> None:
    a, b, c, d = places
    for word, first, second in ((one, 32, 24), (other, 16, 63)):
        work[a] = (work[a] + work[b] + word) & MASK_64
        work[d] = _right(work[d] ^ work[a], first)
        work[c] = (work[c] + work[d]) & MASK_64
        work[b] = _right(work[b] ^ work[c], second)


def _right(word: int, bits: int) -> int:
    return (word >> bits | word << (64 - bits)) & MASK_64


# HChaCha20 and HSalsa20


def _left(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & MASK_32


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """The key for the inner ChaCha20: 20 rounds, without the final addition."""
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))
    for _ in range(10):
        for a, b, c, d in COLUMNS_AND_DIAGONALS:
            for (to, by, turned), bits in zip(((a, b, d), (c, d, b), (a, b, d), (c, d, b)), (16, 12, 8, 7), strict=True):
                state[to] = (state[to] + state[by]) & MASK_32
                state[turned] = _left(state[turned] ^ state[to], bits)
    return struct.pack("<8I", *state[:4], *state[12:])


SALSA_QUARTERS = (
    (0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11), (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14),
)  # fmt: skip


def hsalsa20(key: bytes) -> bytes:
    """The key that crypto_box derives from the X25519 shared secret: HSalsa20 of sixteen zero bytes."""
    constants, words = struct.unpack("<4I", b"expand 32-byte k"), struct.unpack("<8I", key)
    state = [constants[0], *words[:4], constants[1], 0, 0, 0, 0, constants[2], *words[4:], constants[3]]
    for _ in range(10):
        for a, b, c, d in SALSA_QUARTERS:
            state[b] ^= _left((state[a] + state[d]) & MASK_32, 7)
            state[c] ^= _left((state[b] + state[a]) & MASK_32, 9)
            state[d] ^= _left((state[c] + state[b]) & MASK_32, 13)
            state[a] ^= _left((state[d] + state[c]) & MASK_32, 18)
    return struct.pack("<8I", *(state[at] for at in (0, 5, 10, 15, 6, 7, 8, 9)))


# What Ailo builds from these


def canonical(purpose: bytes, *parts: Part) -> bytes:
    """Each part as a length of four bytes, followed by its bytes."""
    return b"".join(struct.pack(">I", len(raw)) + raw for raw in (purpose, *map(_raw, parts)))


def _raw(part: Part) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, UUID):
        return part.bytes
    return part.encode() if isinstance(part, str) else struct.pack(">Q", part)


def key_id(key: bytes) -> bytes:
    return blake2b(key, b"ailo.key-id.1", b"", 8)


def encrypted(key: bytes, plaintext: bytes, place: bytes, nonce: bytes, name: bytes | None = None) -> bytes:
    """Version · key id · nonce · XChaCha20-Poly1305; ``name`` is the key id if it is not derived from the key itself."""
    inner = ChaCha20Poly1305(hchacha20(key, nonce[:16]))
    return b"\x01" + (name or key_id(key)) + nonce + inner.encrypt(bytes(4) + nonce[16:], plaintext, place)


def public_key(private_key: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def shared(private_key: bytes, other: bytes) -> bytes:
    point = X25519PrivateKey.from_private_bytes(private_key).exchange(X25519PublicKey.from_public_bytes(other))
    return hsalsa20(point)


def padded(raw: bytes) -> bytes:
    size = (len(raw) // 256 + 1) * 256
    return raw + b"\x80" + bytes(size - len(raw) - 1)


# Fixed secrets, ids and times, each a hash of its name


def fixed(name: str, size: int = 32) -> bytes:
    return blake2b(b"", b"vectors", name.encode(), size)


def some_id(name: str) -> UUID:
    return UUID(bytes=fixed(name, 16))


ROOT, INDEX, PEPPER, COOKIE = (fixed(name) for name in ("root key", "index key", "pepper", "cookie"))
LEA, CLAIRE, OFFICER, ONCE = (fixed(name) for name in ("Léa", "Claire", "officer", "ephemeral"))
SECRET, SALT, CODE = fixed("epoch secret"), fixed("salt", 16), fixed("recovery code", 16)
LEA_ID, CLAIRE_ID, THREAD, MESSAGE, LETTER = (some_id(name) for name in ("Léa", "Claire", "thread", "message", "letter"))
THE_SERVICE, THE_OFFICER = UUID(int=0), UUID(int=1)
AT, EXPIRES_AT = 1_795_424_400_000, 1_798_016_400_000
PASSWORD, ADDRESS, TEXT = "Re\u0301sume\u0301 de l’e\u0301te\u0301", " LÉA@Ailo.test ", "Bonjour Claire, merci. ☀️"
PRACTICE = '{"reply_within_hours":48,"away_until":1795424400000,"away_words":"En congé."}'.encode()
PREFERENCES = b'{"enter_sends":true,"single_keys":false,"letters":{"replies":true,"quiet_from":1260,"quiet_to":420}}'
ABOUT = b'{"device":"Firefox, Linux","seen_at":1795392000000}'
PLAN = (
    b'{"titles":{"fr":"Souffler"},"summaries":{},"audience":"everybody",'
    b'"lessons":[{"key":"respirer","number":1,"minute":540,"titles":{"fr":"Respirer"},"day":0,"weekday":null,"audience":"others"}]}'
)
LESSON_TEXT = '{"fr":"Été","en":"Summer"}'.encode()
KEYRING_FILE = b'{"format": "ailo root keyring 1"}'


def vectors() -> Vectors:
    """One value of each kind, in hexadecimal."""
    kinds: tuple[Callable[[], dict[str, bytes]], ...] = (
        _primitives, _guarded, _accounts, _ways_in, _epochs, _messages, _of_the_service, _of_the_officer, _programmes,
    )  # fmt: skip
    return {name: value.hex() for kind in kinds for name, value in kind().items()}


def _primitives() -> dict[str, bytes]:
    return {
        "canonical": canonical(b"ailo.vector.1", b"\0\xff", "été", 7, LEA_ID),
        "keyed hash": blake2b(ROOT, b"ailo.vector.1", b"message"),
        "keyed hash of more than a block": blake2b(ROOT, b"ailo.vector.1", bytes(range(256)) * 2),
        "key id": key_id(ROOT),
        "encrypted": encrypted(ROOT, b"plain", b"place", fixed("nonce 0", 24)),
        "shared key": shared(LEA, public_key(CLAIRE)),
        "padded": padded(b"x" * 255) + padded(b"x" * 256),
    }


def guarding() -> bytes:
    return blake2b(ROOT, b"ailo.guard.1", b"")


def guarded(plaintext: bytes, nonce: str, *place: Part) -> bytes:
    return encrypted(guarding(), plaintext, canonical(b"ailo.guarded.1", *place), fixed(nonce, 24), key_id(ROOT))


def proof(*parts: Part) -> bytes:
    key = blake2b(ROOT, b"ailo.authentic.1", b"")
    return b"\x01" + key_id(ROOT) + blake2b(key, b"ailo.proof.1", canonical(b"ailo.proof.1", *parts))


def _guarded() -> dict[str, bytes]:
    return {
        "root key for guarding": guarding(),
        "root key for proofs": blake2b(ROOT, b"ailo.authentic.1", b""),
        "root key for links": blake2b(ROOT, b"ailo.linking.1", b""),
        "guarded value": guarded("léa@ailo.test".encode(), "nonce 1", "accounts", "email", LEA_ID),
        "guarded facts of a letter": guarded(b'{"thread": "x"}', "nonce 2", "letters", "facts", LETTER),
        "guarded fact of the house": guarded(public_key(OFFICER), "nonce 3", "house", "body", "officer"),
        "guarded practice": guarded(PRACTICE, "nonce 21", "practices", "body", LEA_ID),
        "guarded preferences": guarded(PREFERENCES, "nonce 17", "preferences", "body", LEA_ID),
        "guarded token to unsubscribe": guarded(fixed("token", 24), "nonce 24", "unsubscribe_tokens", "token", LEA_ID, "offers"),
        "lookup of a token": blake2b(b"", b"ailo.leave.1", fixed("token", 24)),
        "address index": blake2b(INDEX, b"ailo.address.1", "léa@ailo.test".encode()),
        "known device": fixed("device", 16) + proof("device", LEA_ID, fixed("device", 16)),
        "known device of a generation": _known_device(),
    }


def _accounts() -> dict[str, bytes]:
    return {
        "public key": public_key(LEA),
        "proof of an account": proof("accounts", LEA_ID.bytes, "member", "active", 1, public_key(LEA)),
        "draft key": blake2b(LEA, b"ailo.drafts.1", b""),
        "note": encrypted(
            blake2b(LEA, b"ailo.notes.1", b""), padded(TEXT.encode()), canonical(b"ailo.note.1", LEA_ID, THREAD, 1),
            fixed("nonce 4", 24),
        ),
        "replies": encrypted(
            blake2b(LEA, b"ailo.replies.1", b""), padded(TEXT.encode()), canonical(b"ailo.replies.1", LEA_ID, 1, 3),
            fixed("nonce of the replies", 24),
        ),
    }  # fmt: skip


def wrapped(wrapping: bytes, kind: str, nonce: str) -> bytes:
    place = canonical(b"ailo.keyhole.1", kind, LEA_ID, 1, public_key(LEA))
    return encrypted(wrapping, LEA, place, fixed(nonce, 24))


def _ways_in() -> dict[str, bytes]:
    stretched = Argon2id(salt=SALT, length=64, iterations=1, lanes=1, memory_cost=1024).derive("Résumé de l’été".encode())
    verifier = blake2b(stretched[:32], b"ailo.verifier.1", b"")
    by_password = b"\x01" + SALT + verifier + wrapped(stretched[32:], "password", "nonce 5")
    by_code = wrapped(blake2b(CODE, b"ailo.code-wrap.1", b""), "recovery", "nonce 6")
    session = blake2b(COOKIE, b"ailo.session.1", b"")
    by_cookie = wrapped(blake2b(COOKIE, b"ailo.keyhole.1", PEPPER), "session", "nonce 7")
    place = ("keyholes", "body", LEA_ID)
    return {
        "stretched password": stretched,
        "password keyhole": guarded(by_password, "nonce 8", *place, "password", 0, 1),
        "recovery code": b32encode(CODE).rstrip(b"="),
        "recovery keyhole": guarded(by_code, "nonce 9", *place, "recovery", 0, 1),
        "pepper id": key_id(PEPPER),
        "session id": session,
        "session handle": blake2b(b"", b"ailo.handle.1", session, 16),
        "guarded facts of a session": guarded(ABOUT, "nonce 18", "sessions", "about", session, LEA_ID, AT),
        "session keyhole": guarded(by_cookie, "nonce 10", "sessions", "body", session, LEA_ID, 1, EXPIRES_AT),
    }


def roster() -> bytes:
    seats: list[Part] = []
    for account, key, brought_by in ((LEA_ID, LEA, THE_SERVICE), (CLAIRE_ID, CLAIRE, LEA_ID)):
        seats += [account, 1, public_key(key), 1, AT, brought_by]
    epoch_key = public_key(blake2b(SECRET, b"ailo.epoch-box.1", b""))
    head: list[Part] = [THREAD, 2, fixed("roster before"), 3, AT, epoch_key, public_key(OFFICER), LEA_ID, public_key(LEA)]
    return canonical(b"ailo.roster.1", *head, *seats)


def roster_hash() -> bytes:
    return blake2b(b"", b"ailo.roster.1", roster())


def grant_to(receiver: UUID, key: bytes, nonce: str) -> bytes:
    place = canonical(b"ailo.grant.1", roster_hash(), receiver, 2)
    return encrypted(shared(LEA, public_key(key)), SECRET, place, fixed(nonce, 24))


def _epochs() -> dict[str, bytes]:
    private_key = blake2b(SECRET, b"ailo.epoch-box.1", b"")
    return {
        "epoch private key": private_key,
        "epoch public key": public_key(private_key),
        "message key": blake2b(SECRET, b"ailo.epoch-msg.1", b""),
        "roster": roster(),
        "roster hash": roster_hash(),
        "proof of a roster": proof("epochs", roster()),
        "grant": grant_to(CLAIRE_ID, CLAIRE, "nonce 11"),
        "grant to the officer": grant_to(THE_OFFICER, OFFICER, "nonce 12"),
        "proof of a thread": proof("threads", THREAD.bytes, 2, 1, link()),
    }


def message() -> bytes:
    place = canonical(b"ailo.message.1", THREAD, 2, MESSAGE, LEA_ID, "text")
    return encrypted(blake2b(SECRET, b"ailo.epoch-msg.1", b""), padded(TEXT.encode()), place, fixed("nonce 13", 24))


def first_link() -> bytes:
    return blake2b(b"", b"ailo.thread.1", THREAD.bytes)


def link() -> bytes:
    body = blake2b(b"", b"ailo.body.1", message())
    covered = canonical(b"ailo.link.1", first_link(), 1, AT, MESSAGE, LEA_ID, "text", 2, body)
    return b"\x01" + key_id(ROOT) + blake2b(blake2b(ROOT, b"ailo.linking.1", b""), b"ailo.link.1", covered)


def _messages() -> dict[str, bytes]:
    return {
        "message": message(),
        "first link": first_link(),
        "link": link(),
        "proof of a seam": proof("relinking", THREAD.bytes, 1, fixed("old link", 41), link()),
    }


def _known_device() -> bytes:
    return fixed("device", 16) + AT.to_bytes(8, "big") + proof("device", LEA_ID, 1, fixed("device", 16), AT)


def _of_the_service() -> dict[str, bytes]:
    inside = padded(canonical(b"ailo.service.1", "lesson", THE_SERVICE, TEXT))
    place = canonical(b"ailo.message.1", THREAD, 2, MESSAGE, THE_SERVICE, "lesson")
    epoch_key = public_key(blake2b(SECRET, b"ailo.epoch-box.1", b""))
    outside = canonical(b"ailo.to-epoch.1", public_key(ONCE), place)
    sealed = public_key(ONCE) + encrypted(shared(ONCE, epoch_key), inside, outside, fixed("nonce 14", 24))
    where: tuple[Part, ...] = ("messages", "body", THREAD.bytes, 2, MESSAGE.bytes, THE_SERVICE.bytes, "lesson")
    return {"message of the service, sealed": sealed, "message of the service": guarded(sealed, "nonce 15", *where)}


def _of_the_officer() -> dict[str, bytes]:
    place = canonical(b"ailo.keyring.1", public_key(ONCE), public_key(OFFICER))
    inner = encrypted(shared(ONCE, public_key(OFFICER)), KEYRING_FILE, place, fixed("nonce 16", 24))
    check = b32encode(blake2b(OFFICER, b"ailo.sheet.1", b"")).rstrip(b"=")
    return {
        "sealed keyring": b"\x01" + key_id(public_key(OFFICER)) + public_key(ONCE) + inner,
        "check of the officer's key": check,
        "fingerprint of the officer's key": key_id(public_key(OFFICER)),
        "name of a request": blake2b(b"", b"ailo.request.1", b'{"account":null}'),
    }


def _programmes() -> dict[str, bytes]:
    day = ("following", AT, "2026-11-23", 3, 1, "respirer", "2026-11-23T09:00:00", AT)
    return {
        "guarded plan of a programme": guarded(PLAN, "nonce 22", "programme_versions", "body", "souffler", 1),
        "guarded lesson": guarded(LESSON_TEXT, "nonce 23", "lessons", "body", "souffler", 1, "respirer"),
        "proof of a programme": proof("programmes", "souffler", 2, 1, 0),
        "proof of an enrolment": proof("enrolments", LEA_ID.bytes, "souffler", 1, *day),
    }


def keyring_entry() -> dict[str, object]:
    """The root key as an entry of the keyring's file."""
    return {"id": key_id(ROOT).hex(), "key": b64encode(ROOT).decode(), "made_at": AT // 1000}


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n")
