"""Where a page ends: sealed, and bound to who asked for what.

A cursor is for whoever drew it and for that search only; altered or lent, it is refused. It is sealed because sort
values are a patient's data.
"""

import base64
import hashlib
from typing import Any

import msgspec

from kangyun.base.crypto import Sealer, Unreadable, derived_key
from kangyun.base.errors import Invalid


class Cursors:
    """Makes and reads cursors."""

    def __init__(self, key: bytes) -> None:
        self._sealer = Sealer(derived_key(key, "cursors"), "aes")

    def write(self, place: list[Any], actor: str, asked: list[tuple[str, str]]) -> str:
        """Returns the cursor of a place: sort values and `res`."""
        sealed = self._sealer.seal(msgspec.msgpack.encode(place), _bound(actor, asked))
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def read(self, text: str, actor: str, asked: list[tuple[str, str]]) -> list[Any]:
        """Returns the place. Raises Invalid when the cursor is not of this actor and search."""
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            place: list[Any] = msgspec.msgpack.decode(self._sealer.open(sealed, _bound(actor, asked)))
        except (ValueError, Unreadable, msgspec.DecodeError):
            raise Invalid("fhir.search.cursor") from None
        return place


def _bound(actor: str, asked: list[tuple[str, str]]) -> bytes:
    return hashlib.sha256(msgspec.json.encode([actor, asked])).digest()
