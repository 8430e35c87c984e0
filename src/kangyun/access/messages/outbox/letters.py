"""What of a message is sealed, and how: its readers in their order and its variables, under a key of the outbox's own.

The text of a message can be opened with the root key alone; erasing a resident removes the rows themselves.
"""

import msgspec

from kangyun.access.keyed import Digester
from kangyun.access.messages.outbox.model import Reader
from kangyun.access.messages.outbox.rules import Chosen
from kangyun.base.crypto import Sealer, derived_key
from kangyun.store.keys import KeyRing

_MESSAGE, _READER = "outbox-message/", "outbox-reader/"


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """The sealed part of a message."""

    readers: tuple[Reader, ...]
    variables: dict[str, str]


class Known(msgspec.Struct, frozen=True):
    """The sealed part of a reader: what he chose, and where he is found besides what the record says, by channel."""

    chosen: Chosen = Chosen()
    addresses: dict[str, str] = {}


class Letters:
    """Seals and opens. One for a process."""

    def __init__(self, keys: KeyRing) -> None:
        self._sealer = Sealer(derived_key(keys.index_key, "outbox"), keys.cipher)
        self.digester = Digester(derived_key(keys.index_key, "outbox-digest", 32))
        self._letter = msgspec.msgpack.Decoder(Letter)
        self._known = msgspec.msgpack.Decoder(Known)
        self._encode = msgspec.msgpack.Encoder().encode

    def seal(self, key: str, letter: Letter) -> bytes:
        """Seals a message, bound to its key."""
        return self._sealer.seal(self._encode(letter), f"{_MESSAGE}{key}".encode())

    def open(self, key: str, sealed: bytes) -> Letter:
        """Opens a message. Raises Unreadable."""
        return self._letter.decode(self._sealer.open(sealed, f"{_MESSAGE}{key}".encode()))

    def seal_reader(self, reader: str, known: Known) -> bytes:
        """Seals what is known of a reader."""
        return self._sealer.seal(self._encode(known), f"{_READER}{reader}".encode())

    def open_reader(self, reader: str, sealed: bytes) -> Known:
        """Opens what is known of a reader. Raises Unreadable."""
        return self._known.decode(self._sealer.open(sealed, f"{_READER}{reader}".encode()))
