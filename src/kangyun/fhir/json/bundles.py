"""A large Bundle as text that is read entry by entry.

A transaction of thousands of entries, decoded whole, holds the event loop for as long as all of them take and several
times its size in memory. Here one pass finds the borders, and each resource is decoded when it is asked for, under
the guards of `decode`. Who asks for all of them has the whole, in less time.

Not a validation: that a head has a `request`, or that the type is Bundle, is not looked at.
"""

from dataclasses import dataclass

import msgspec

from kangyun.base.errors import Invalid, Malformed, PlatformError, TooLong
from kangyun.fhir import Resource
from kangyun.fhir.json.faults import fault
from kangyun.fhir.json.guards import duplicate
from kangyun.fhir.json.reader import Text, decode, decode_value, without_mark

MOST_ENTRIES = 100_000

_split_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_split_entries = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: `head` is all of it but the resource (fullUrl, request, search, response, link)."""

    head: Resource
    number: int
    text: bytes | None

    def resource(self) -> Resource | None:
        """Decodes the resource; None where the entry has none.

        Raises Malformed and Invalid as `decode`, located at this entry; line and column count within the resource.
        """
        if self.text is None:
            return None
        try:
            return decode(self.text)
        except (Malformed, Invalid) as error:
            raise _at(f"Bundle.entry[{self.number}].resource", error) from None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle in slices: `head` is all of it but the entries."""

    head: Resource
    entries: list[Entry]


def decode_bundle(data: Text) -> Bundle:
    """Reads a Bundle and leaves its resources as text.

    Raises TooLong, and Malformed and Invalid as `decode`, for the envelope; a fault in a resource shows when that is
    asked for.
    """
    raw = without_mark(data)
    try:
        members = _split_object(raw)
        parts = _split_entries(members.get("entry", b"[]"))
        if len(parts) > MOST_ENTRIES:
            raise TooLong("fhir.json.too-many-entries", limit=MOST_ENTRIES)
        entries = [_as_bytes(entry) for entry in parts]
    except msgspec.ValidationError:
        raise Malformed("fhir.json.bundle") from None
    except (ValueError, RecursionError) as error:
        raise fault(raw, error) from None
    _check_names(raw, members, entries)
    members.pop("entry", None)
    resources = [entry.pop("resource", None) for entry in entries]
    head, *heads = _heads([_as_bytes(members), *entries])
    return Bundle(head, [Entry(heads[n], n, resource) for n, resource in enumerate(resources)])


def _as_bytes(members: dict[str, msgspec.Raw]) -> dict[str, bytes]:
    return {name: bytes(text) for name, text in members.items()}


def _heads(levels: list[dict[str, bytes]]) -> list[Resource]:
    """Decodes the members of the bundle (first) and of its entries, all in one go."""
    try:
        values = iter(decode_value(b"[" + b",".join(text for level in levels for text in level.values()) + b"]"))
        return [dict(zip(level, values, strict=False)) for level in levels]
    except (Malformed, Invalid):
        return [_head(number, level) for number, level in enumerate(levels)]  # one by one, to say where


def _head(number: int, members: dict[str, bytes]) -> Resource:
    try:
        return {name: decode_value(text) for name, text in members.items()}
    except (Malformed, Invalid) as error:
        raise _at(f"Bundle.entry[{number - 1}]" if number else "Bundle", error) from None


def _check_names(raw: bytes, members: dict[str, msgspec.Raw], entries: list[dict[str, bytes]]) -> None:
    """Raises Invalid where a name of the envelope was dropped as a duplicate: then its quotes are missing."""
    names = [*members, *(name for entry in entries for name in entry)]
    if any('"' in name for name in names):
        decode(raw)  # such a name may have been sent with more quotes or with fewer: only a full reading tells
        return
    texts = [bytes(text) for name, text in members.items() if name != "entry"]
    texts += (text for entry in entries for text in entry.values())
    if raw.count(b'"') != 2 * len(names) + sum(text.count(b'"') for text in texts):
        raise duplicate(raw)


def _at(location: str, error: PlatformError) -> PlatformError:
    return type(error)(issues=tuple(msgspec.structs.replace(issue, at=location) for issue in error.issues))
