"""The rows of a commit in PostgreSQL's binary form, packed by us.

asyncpg's own coding of composites costs 7 µs a row, most of it asking each element of an array whether it is a
list; these cost 2. A row is its bytes, led by their number, from the moment it is made; an array of rows is a head and
the rows, one after the other (`register`).

Source: https://www.postgresql.org/docs/15/protocol-overview.html#PROTOCOL-FORMAT-CODES; the send functions of
record and array types (rowtypes.c, arrayfuncs.c).
"""

import struct
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any

import asyncpg

from kangyun.fhir.search.dates import EARLIEST, LATEST

_INT2, _INT4, _INT8, _FLOAT8, _BOOL, _CHAR, _TEXT, _BYTEA, _UUID, _TIMESTAMPTZ = (
    21, 23, 20, 701, 16, 18, 25, 17, 2950, 1184,
)  # fmt: skip
_INT2_ARRAY, _INT4_ARRAY, _INT8_ARRAY = 1005, 1007, 1016
# What lasts longer than this has an index of its own, so that the others' ends are known from their beginnings.
LASTING = timedelta(days=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_NULL = -1
_NEVER, _FOREVER = -(1 << 63), (1 << 63) - 1

# A row is its length, the number of its fields, and for each its type's oid, its length and its value.
_RESOURCE = struct.Struct(">ii IiqIiqIiqIiqIiqIiqIiiIiiIihIihIihIi?Ii?Ii".replace(" ", ""))
_RESOURCE_OF_NOBODY = struct.Struct(">ii IiqIiIiqIiqIiqIiqIiiIiiIihIihIihIi?Ii?Ii".replace(" ", ""))
_VERSION = struct.Struct(">ii IiqIiiIiiIihIihIihIicIi".replace(" ", ""))
_DATE = struct.Struct(">ii IiqIiqIiqIiqIi?".replace(" ", ""))
_QUANTITY = struct.Struct(">ii IiqIiqIidIidIiiIii".replace(" ", ""))
_STRING = struct.Struct(">ii IiqIiqIi".replace(" ", ""))
_EXPECTATION = struct.Struct(">ii IiqIii".replace(" ", ""))
_NARROW_KEY = struct.Struct(">ii IiqIiq".replace(" ", ""))
_NAME = struct.Struct(">ii Ii16sIiq".replace(" ", ""))
_COMMIT = struct.Struct(">i IiiIi?Iih".replace(" ", ""))
_OUTCOME = struct.Struct(">Iih")
_AUDIT = struct.Struct(">IiqIihIiq")
_AUDIT_OF_MANY = struct.Struct(">IiqIihIi")
_FIELD = struct.Struct(">Ii")
_NO_TEXT = _FIELD.pack(_TEXT, _NULL)
_LENGTH = 4
_ARRAY = struct.Struct(">iiIii")
_ONE_INT8 = struct.Struct(">iiIiiiq")
_EMPTY_ARRAY = struct.Struct(">iiI")
_LACKING = _NULL.to_bytes(_LENGTH, "big", signed=True)
ROW_TYPES = (
    "resource_row", "version_row", "date_row", "quantity_row", "string_row", "expectation", "narrow_key", "name_row",
    "commit_row", "sight_row", "audit_row",
)  # fmt: skip


def resource_row(
    res: int, patient: int | None, at: datetime, until: datetime, labels: int, present: int, institution: int,
    version: int, type_: int, edition: int, links: int, deleted: bool, tok: Sequence[int],
) -> bytes:  # fmt: skip
    """Returns a `resource_row`."""
    tokens = int8_array(tok)
    rest = (
        *(_TIMESTAMPTZ, 8, moment(at), _TIMESTAMPTZ, 8, moment(until), _INT8, 8, labels, _INT8, 8, present),
        *(_INT4, 4, institution, _INT4, 4, version, _INT2, 2, type_, _INT2, 2, edition, _INT2, 2, links),
        *(_BOOL, 1, deleted, _BOOL, 1, until - at > LASTING, _INT8_ARRAY, len(tokens)),
    )
    if patient is None:
        length = _RESOURCE_OF_NOBODY.size - _LENGTH + len(tokens)
        return _RESOURCE_OF_NOBODY.pack(length, 14, _INT8, 8, res, _INT8, _NULL, *rest) + tokens
    length = _RESOURCE.size - _LENGTH + len(tokens)
    return _RESOURCE.pack(length, 14, _INT8, 8, res, _INT8, 8, patient, *rest) + tokens


def version_row(
    res: int, version: int, key: int, dictionary: int, edition: int, type_: int, action: bytes, body: bytes
) -> bytes:
    """Returns a `version_row`."""
    head = _VERSION.pack(
        _VERSION.size - _LENGTH + len(body),
        *(8, _INT8, 8, res, _INT4, 4, version, _INT4, 4, key, _INT2, 2, dictionary, _INT2, 2, edition),
        *(_INT2, 2, type_, _CHAR, 1, action, _BYTEA, len(body)),
    )
    return head + body


def date_row(res: int, key: int, low: datetime, high: datetime) -> bytes:
    """Returns a `date_row`."""
    return _DATE.pack(
        _DATE.size - _LENGTH,
        *(5, _INT8, 8, res, _INT8, 8, key, _TIMESTAMPTZ, 8, moment(low), _TIMESTAMPTZ, 8, moment(high)),
        *(_BOOL, 1, high - low > LASTING),
    )


def quantity_row(res: int, key: int, low: float, high: float, unit: int, system: int) -> bytes:
    """Returns a `quantity_row`."""
    return _QUANTITY.pack(
        _QUANTITY.size - _LENGTH,
        *(6, _INT8, 8, res, _INT8, 8, key, _FLOAT8, 8, low, _FLOAT8, 8, high, _INT4, 4, unit, _INT4, 4, system),
    )


def string_row(res: int, key: int, value: str) -> bytes:
    """Returns a `string_row`."""
    text = value.encode()
    length = _STRING.size - _LENGTH + len(text)
    return _STRING.pack(length, 3, _INT8, 8, res, _INT8, 8, key, _TEXT, len(text)) + text


def expectation(res: int, version: int) -> bytes:
    """Returns an `expectation`."""
    return _EXPECTATION.pack(_EXPECTATION.size - _LENGTH, 2, _INT8, 8, res, _INT4, 4, version)


def narrow_key(res: int, key: int) -> bytes:
    """Returns a `narrow_key`."""
    return _NARROW_KEY.pack(_NARROW_KEY.size - _LENGTH, 2, _INT8, 8, res, _INT8, 8, key)


def name_row(digest: bytes, res: int) -> bytes:
    """Returns a `name_row`."""
    return _NAME.pack(_NAME.size - _LENGTH, 2, _UUID, 16, digest, _INT8, 8, res)


def commit_row(
    institution: int, historic: bool, depth: int, actor: str, purpose: str, origin: str | None, request: str,
    res: Sequence[int], versions: Sequence[int], digest: bytes, action: str, outcome: int, shape: str, source: str,
    patients: Sequence[int], role: str, way: str, client: str,
) -> bytes:  # fmt: skip
    """Returns a `commit_row`."""
    fields = b"".join(
        (
            _COMMIT.pack(18, _INT4, 4, institution, _BOOL, 1, historic, _INT2, 2, depth),
            *(_field(_TEXT, actor.encode()), _field(_TEXT, purpose.encode())),
            _field(_TEXT, origin.encode()) if origin is not None else _NO_TEXT,
            *(_field(_TEXT, request.encode()), _field(_INT8_ARRAY, int8_array(res))),
            *(_field(_INT4_ARRAY, int4_array(versions)), _field(_BYTEA, digest), _field(_TEXT, action.encode())),
            _OUTCOME.pack(_INT2, 2, outcome),
            *(_field(_TEXT, shape.encode()), _field(_TEXT, source.encode()), _field(_INT8_ARRAY, int8_array(patients))),
            *(_field(_TEXT, role.encode()), _field(_TEXT, way.encode()), _field(_TEXT, client.encode())),
        )
    )
    return len(fields).to_bytes(_LENGTH, "big") + fields


def sight_row(
    types: Sequence[int] | None, open_types: Sequence[int], open_closed: int, institution: int, all_closed: int | None,
    free: bool, own_closed: int | None, selves: Sequence[int], selves_closed: int, parties: Sequence[int],
    granted_closed: int | None, purpose: int,
) -> bytes:  # fmt: skip
    """Returns a `sight_row`."""
    fields = b"".join(
        (
            _FIELD.pack(_INT2_ARRAY, _NULL) if types is None else _field(_INT2_ARRAY, _array(types, _INT2, 2, "ih")),
            _field(_INT2_ARRAY, _array(open_types, _INT2, 2, "ih")),
            *(_int8(open_closed), _field(_INT4, institution.to_bytes(4, "big", signed=True)), _int8(all_closed)),
            *(_field(_BOOL, bytes([free])), _int8(own_closed), _field(_INT8_ARRAY, int8_array(selves))),
            *(_int8(selves_closed), _field(_INT8_ARRAY, int8_array(parties)), _int8(granted_closed), _int8(purpose)),
        )
    )
    return (len(fields) + _LENGTH).to_bytes(_LENGTH, "big") + (12).to_bytes(4, "big") + fields


def audit_row(
    institution: int, actor: str, purpose: str, role: str, client: str, parties: tuple[int, ...], instant: datetime,
    outcome: int, about: int | None, action: str, shape: str, source: str, request: str, way: str,
    patients: Sequence[int],
) -> bytes:  # fmt: skip
    """Returns an `audit_row`."""
    at = (_TIMESTAMPTZ, 8, moment(instant), _INT2, 2, outcome, _INT8)
    fields = b"".join(
        (
            _auditor(institution, actor, purpose, role, client, parties),
            _AUDIT.pack(*at, 8, about) if about is not None else _AUDIT_OF_MANY.pack(*at, _NULL),
            *(_known_text(action), _known_text(shape), _known_text(source), _text(request), _known_text(way)),
            _field(_INT8_ARRAY, int8_array(patients)),
        )
    )
    return len(fields).to_bytes(_LENGTH, "big") + fields


@lru_cache(maxsize=20_000)
def _auditor(institution: int, actor: str, purpose: str, role: str, client: str, parties: tuple[int, ...]) -> bytes:
    """Returns the head of an `audit_row`: what it says of who asked."""
    return b"".join(
        (
            *((15).to_bytes(4, "big"), _field(_INT4, institution.to_bytes(4, "big", signed=True))),
            *(_text(actor), _text(purpose), _text(role), _text(client)),
            _field(_INT8_ARRAY, int8_array(parties)) if parties else _FIELD.pack(_INT8_ARRAY, _NULL),
        )
    )


def _text(value: str) -> bytes:
    return _field(_TEXT, value.encode())


_known_text = lru_cache(maxsize=20_000)(_text)


def _int8(value: int | None) -> bytes:
    return _FIELD.pack(_INT8, _NULL) if value is None else _field(_INT8, value.to_bytes(8, "big", signed=True))


def _field(oid: int, value: bytes) -> bytes:
    return _FIELD.pack(oid, len(value)) + value


def int4_array(values: Sequence[int]) -> bytes:
    """Returns an `int4[]`."""
    return _array(values, _INT4, 4, "ii")


def int8_array(values: Sequence[int]) -> bytes:
    """Returns an `int8[]`."""
    if len(values) == 1:  # As most are.
        return _ONE_INT8.pack(1, 0, _INT8, 1, 1, 8, values[0])
    return _array(values, _INT8, 8, "iq")


def _array(values: Collection[int], oid: int, size: int, item: str) -> bytes:
    count = len(values)
    if not count:
        return _EMPTY_ARRAY.pack(0, 0, oid)
    flat = [size] * (2 * count)
    flat[1::2] = values
    return _array_of(item, count).pack(1, 0, oid, count, 1, *flat)


@lru_cache(maxsize=1024)
def _array_of(item: str, count: int) -> struct.Struct:
    return struct.Struct(">iiIii" + item * count)


def moment(value: datetime) -> int:
    """Returns microseconds since 2000-01-01 UTC; the ends of Python's calendar stand for the infinities."""
    if value is EARLIEST:
        return _NEVER
    if value is LATEST:
        return _FOREVER
    span = value - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


# As text: what asyncpg does not know by itself, as an array of names, it asks each new connection about, for 8 ms.
_TYPES = "SELECT oid, typname::text, typarray FROM pg_type WHERE typname = ANY ($1::text[])"


async def register(connection: asyncpg.Connection) -> None:
    """Makes a connection take arrays of rows as they are, and arrays of numbers as they are packed here.

    `Connection.set_type_codec` refuses binary codecs for composites and arrays, which it would have to read as well;
    these are only written. So the codec is added where it would add it: one call inside asyncpg, held by the tests of
    the store.
    """
    settings = connection._protocol.get_settings()
    for row in await connection.fetch(_TYPES, ROW_TYPES):
        settings.add_python_codec(
            *(row["typarray"], f"_{row['typname']}", "public", [], "scalar"),
            *(partial(_rows, row["oid"]), bytes, "binary"),
        )
    for array, name, oid, size, item in (
        (_INT8_ARRAY, "_int8", _INT8, 8, "iq"),
        (_INT4_ARRAY, "_int4", _INT4, 4, "ii"),
    ):
        settings.add_python_codec(
            *(array, name, "pg_catalog", [], "scalar"),
            *(partial(_numbers, oid, size, item), partial(_read_numbers, size, item), "binary"),
        )


def _numbers(oid: int, size: int, item: str, values: Collection[int | None]) -> bytes:
    """Returns an array of numbers, of which some may be null. asyncpg asks each of them whether it is a list."""
    try:
        return _array(values, oid, size, item)  # type: ignore[arg-type]
    except struct.error:  # As None is no number.
        items = (_LACKING if one is None else struct.pack(f">{item}", size, one) for one in values)
        return _ARRAY.pack(1, 1, oid, len(values), 1) + b"".join(items)


def _read_numbers(size: int, item: str, data: bytes) -> list[Any]:
    """Returns the numbers of an array; of one of more dimensions, which none of ours is, lists of them."""
    if len(data) == _EMPTY_ARRAY.size:
        return []
    dimensions, lacking, _, count, _ = _ARRAY.unpack_from(data)
    if dimensions == 1 and not lacking:
        return list(_array_of(item, count).unpack(data)[6::2])
    bounds = struct.unpack_from(f">{2 * dimensions}i", data, _EMPTY_ARRAY.size)
    found = _items(size, item, data, _EMPTY_ARRAY.size + 8 * dimensions)
    for width in bounds[::2][:0:-1]:
        found = [found[start : start + width] for start in range(0, len(found), width)]
    return found


def _items(size: int, item: str, data: bytes, place: int) -> list[Any]:
    """Returns the numbers that stand from a place on, of which some may be null."""
    found: list[Any] = []
    while place < len(data):
        there = data[place : place + _LENGTH] != _LACKING
        found.append(struct.unpack_from(f">{item}", data, place)[1] if there else None)
        place += _LENGTH + (size if there else 0)
    return found


def _rows(oid: int, found: Sequence[bytes]) -> bytes:
    """Returns an array of rows of a type."""
    return _ARRAY.pack(1, 0, oid, len(found), 1) + b"".join(found)
