"""Keyed 64-bit hashes: how the index knows a value without holding it.

Every parameter has a salt. What is matched by equality becomes one hash of parameter, kind and value; a reference
becomes `res of the target XOR salt`, so that SQL can build the token of a target row. Hashes are not rechecked: of
5*10^10 different values one query in 3*10^8 meets a wrong one (facts/store.md 2.4).

Of a code system, and of a namespace of identifiers, the canonical name is hashed, whichever of its names stands in a
resource or in a search: so what feeds call by different names is found together, and stays as it came.

Kinds: t system|code, c code, s system|, o of-type, e exact string, g part of a string, x text of a concept,
u uri or external reference, b uri below a path or a version, i identifier of a reference, w word of a narrative,
k composite.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache

from kangyun.fhir.china import canonical
from kangyun.fhir.search.parameters import Parameter


class Bound:
    """A parameter with what the index needs of it; the hashes of codes are remembered, those of identifiers not."""

    __slots__ = (
        "_grams",
        "bit",
        "clinical",
        "code",
        "hasher",
        "known",
        "labelled",
        "narrowed",
        "parameter",
        "parts",
        "patient_rank",
        "prefix",
        "salt",
        "uris",
    )

    def __init__(self, parameter: Parameter, hasher: "Hasher") -> None:
        self.parameter = parameter
        self.code = parameter.code
        self.hasher = hasher
        self.prefix = parameter.name.encode() + b"\0"
        self.salt = hasher.number(b"salt\0" + self.prefix)
        self.bit = 1 << parameter.number if parameter.number < MOST_BITS else 0
        self.known: dict[tuple[str | None, str | None], tuple[int, ...]] = {}
        self.uris: dict[str, tuple[int, ...]] = {}
        self._grams: dict[str, int] = {}
        self.clinical = False
        self.labelled = False
        self.patient_rank = 0
        # Aliases of this parameter that are narrowed to one target type: type -> presence bit.
        self.narrowed: dict[str, int] = {}
        # Of a composite: the bound parameters of its components.
        self.parts: tuple[Bound, ...] = ()

    def hash(self, kind: bytes, *values: str) -> int:
        """Returns the token of a value; several values are kept apart by a character that text cannot have."""
        return self.hasher.number(self.prefix + kind + "\0".join(values).encode("utf-8", "surrogatepass"))

    def codes(self, system: str | None, code: str | None) -> tuple[int, ...]:
        """Returns the tokens of a coded value: with its system and without."""
        found = self.known.get((system, code))
        if found is None:
            found = self._codes(system, code)
            # The first codes seen are the frequent ones; identifiers would only push them out.
            if len(self.known) < MOST_KNOWN_CODES:
                self.known[system, code] = found
        return found

    def gram(self, text: str) -> int:
        """Returns the token of a part of a text."""
        found = self._grams.get(text)
        if found is None:
            found = self.hash(b"g", text)
            if len(self._grams) < MOST_KNOWN_GRAMS:
                self._grams[text] = found
        return found

    def _codes(self, system: str | None, code: str | None) -> tuple[int, ...]:
        system = None if system is None else canonical(system)
        if code is None:
            return (self.hash(b"s", system),) if system else ()
        if system is None:
            return (self.hash(b"c", code), self.hash(b"t", "", code))
        return (self.hash(b"t", system, code), self.hash(b"c", code))

    def uri(self, value: str) -> tuple[int, ...]:
        """Returns the tokens of a uri: as it is, without a version, and what it and its version lie below."""
        found = self.uris.get(value)
        if found is None:
            found = tuple(self._uri(value))
            if len(self.uris) < MOST_KNOWN_CODES:
                self.uris[value] = found
        return found

    def _uri(self, value: str) -> Iterator[int]:
        yield self.hash(b"u", value)
        plain, mark, version = value.partition("|")
        if mark:
            yield self.hash(b"u", plain)
            for above in version_ancestors(version):
                yield self.hash(b"b", f"{plain}|{above}")
        if self.parameter.type == "uri":
            for above in uri_ancestors(plain):
                yield self.hash(b"b", above)


MOST_KNOWN_CODES = 4096
MOST_KNOWN_GRAMS = 10_000
MOST_BITS = 63
MOST_PARTS = 32


class Hasher:
    """Keyed BLAKE2b of 64 bits, as PostgreSQL's int8 has them."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        # A copy of a keyed hash is made in two thirds of the time of a new one.
        self._eight = hashlib.blake2b(digest_size=8, key=key).copy
        self._sixteen = hashlib.blake2b(digest_size=16, key=key).copy
        # Systems and units are few; a chunk's names are asked for by each who has to do with them.
        self.small: Callable[[str], int] = lru_cache(maxsize=4096)(self._small)
        """Returns 32 bits as an int4, never 0: 0 stands for "none"."""
        self.name: Callable[[str, str], bytes] = lru_cache(maxsize=16_384)(self._name)
        """Returns 128 bits for Type/id, as a UUID's bytes."""

    def number(self, value: bytes) -> int:
        digest = self._eight()
        digest.update(value)
        return int.from_bytes(digest.digest(), "big", signed=True)

    def _small(self, value: str) -> int:
        raw = int.from_bytes(hashlib.blake2b(value.encode(), digest_size=4, key=self._key).digest(), "big")
        return (raw - (1 << 32) if raw >= 1 << 31 else raw) or 1

    def _name(self, resource_type: str, id_: str) -> bytes:
        digest = self._sixteen()
        digest.update(f"{resource_type}/{id_}".encode())
        return digest.digest()

    def bucket(self, value: bytes) -> int:
        return int.from_bytes(hashlib.blake2b(value, digest_size=2, key=self._key).digest(), "big") % BUCKETS


BUCKETS = 4096


def bucket_of(res: int) -> int:
    """Returns the lock bucket of a resource or patient."""
    return (res >> 12) % BUCKETS


def name_bucket(digest: bytes) -> int:
    """Returns the lock bucket of a name, from its digest."""
    return int.from_bytes(digest[:2], "big") % BUCKETS


def version_ancestors(version: str) -> list[str]:
    """Returns what :below matches: the version and each part of it that ends before a point."""
    parts = version.split(".", MOST_PARTS)
    return [".".join(parts[:number]) for number in range(1, len(parts) + 1)]


def uri_ancestors(uri: str) -> list[str]:
    """Returns what :below matches: the uri and each part of it that ends before a slash behind the host."""
    start = uri.find("://")
    place = uri.find("/", start + 3) if start >= 0 else uri.find(":")
    found: list[str] = []
    while place >= 0 and len(found) < MOST_PARTS:
        found.append(uri[:place])
        place = uri.find("/", place + 1)
    return [*found, uri]
