"""The check code of a paper: made of what stands on it, by the platform's key. Pure but for the key.

A code is two parts in one: the beginning of the digest of all that the paper says, and a seal over that, the name and
the minute. Whoever holds the paper can ask whether code, name and minute belong together; nothing is stored for it, and
the answer tells nothing about the resident. That the entries are unchanged it shows only to who has the digest: a copy
that was altered in its entries, but not in these three, is found by asking the resident to print it again.
"""

import base64
import hashlib
import hmac
import unicodedata

DIGEST, SEAL = 5, 10  # bytes
_GROUP = 4  # characters


def check_code(key: bytes, text: str, name: str, made: str) -> str:
    """Returns the code of a paper that says `text`, of a name and a minute: XXXX-XXXX-…"""
    digest = hashlib.sha256(text.encode()).digest()[:DIGEST]
    plain = base64.b32encode(digest + _seal(key, digest, name, made)).decode()
    return "-".join(plain[at : at + _GROUP] for at in range(0, len(plain), _GROUP))


def is_genuine(key: bytes, code: str, name: str, made: str) -> bool:
    """Whether code, name and minute stand together on a paper of this platform."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKC", code).upper() if sign.isalnum())
    try:
        raw = base64.b32decode(plain)
    except ValueError:
        return False
    digest = raw[:DIGEST]
    return len(raw) == DIGEST + SEAL and hmac.compare_digest(raw[DIGEST:], _seal(key, digest, name, made))


def _seal(key: bytes, digest: bytes, name: str, made: str) -> bytes:
    said = "\0".join("".join(unicodedata.normalize("NFKC", one).split()) for one in (name, made))
    return hmac.new(key, digest + said.encode(), hashlib.sha256).digest()[:SEAL]
