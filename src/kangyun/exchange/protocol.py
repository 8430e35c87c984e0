"""What a hospital's gateway and the centre say to each other: the messages, and how they are packed. ADR 32.

It is no transport and keeps nothing; both sides use it. All times are aware instants, all days Beijing days.
"""

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal, TypeAlias

import msgspec

PATH = "/feeds"
"""Below the platform's base address. `{PATH}/{feed}/deliveries/{number}`, and so on: ADR 32 has the table."""
DIGEST = "repr-digest"
"""The header that says what was sent: `sha-256=:…:`, RFC 9530, of the body before it was packed."""
MOST_ROWS = 5_000
MOST_BYTES = 32 << 20
"""Of one delivery, unpacked. A larger file is cut by its rows."""

State: TypeAlias = Literal["applied", "testing", "trial", "live", "paused"]
"""申请, 联调, 试运行, 正式, 暂停. In `testing` all is judged and nothing stored."""
Fate: TypeAlias = Literal["kept", "taken", "tried", "failed"]
"""Of a delivery: kept until its turn; taken in; judged only; not to be read as a whole, so kept aside whole."""


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=False, omit_defaults=True, rename="camel"):
    """A message. Members that a side does not know are passed over, so that either may be newer."""


class Rows(Message, frozen=True, tag="rows"):
    """Rows of one table or view, as the source gave them. All cells are texts, an absent value is null.

    table:    the source's name of it. columns: in the order of the cells; each row has as many.
    business: the first and last business instant that the reading asked for, where it asked by time.
    emptied:  rows, counted from 1, that the centre has taken out of what it keeps. Nobody sends it.
    """

    table: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | None]]
    read: datetime
    dialect: str = ""
    business: tuple[datetime, datetime] | None = None
    emptied: Sequence[int] = ()


class File(Message, frozen=True, tag="file"):
    """A file as it lay there: a CSV, a DBF, a workbook, an XML document, a file of HL7 v2 messages.

    encoding: where the agreement says which.
    """

    name: str
    content: bytes
    encoding: str = ""
    dialect: str = ""


Delivery: TypeAlias = Rows | File


class FeedState(Message, frozen=True):
    """How a feed stands. next: the number that the next delivery must have.

    rate: rows a second that the centre bids the gateway keep to, 0 for no limit. why: of a pause, in words.
    dialect: by which the centre reads its rows, whatever a delivery says; empty where none is agreed.
    """

    feed: str
    title: str
    state: State
    next: int
    rate: int = 0
    why: str = ""
    dialect: str = ""


class Refused(Message, frozen=True):
    """What of a delivery was not taken, or was put right.

    row: counted from 1 within the delivery's rows; of a file, the header is row 1. None: the delivery as a whole.
    code: a short name of the rule, for 错误代码. text: for 错误描述, in Chinese. shown: the value, masked.
    whole: whether the record was kept aside; otherwise only this value was left out.
    """

    code: str
    text: str
    row: int | None = None
    part: str = ""
    shown: str = ""
    whole: bool = True


class Answered(Message, frozen=True):
    """What became of a delivery. The rows that no `refused` names as a whole were stored.

    rows: that came. stored: that are in the record now; unchanged: those of them that were there as they are.
    """

    number: int
    fate: Fate
    rows: int = 0
    stored: int = 0
    unchanged: int = 0
    aside: int = 0
    refused: Sequence[Refused] = ()


class Answers(Message, frozen=True):
    """What became of deliveries, in the order of their numbers. more: whether there is more behind them already."""

    answers: Sequence[Answered]
    more: bool = False


class Declared(Message, frozen=True):
    """What the hospital itself counts of one table and one day, by the table's business time.

    sums: of columns that hold amounts, as decimal texts.
    """

    table: str
    day: date
    rows: int
    sums: dict[str, str] = {}


class Asked(Message, frozen=True):
    """What the centre asks of the hospital: to send the rows of a day again, or to say which it has.

    keys: only these business keys; empty for all of the day. columns: those of the key, in its order, and `by` that of
    the business time, as the source's rows were last delivered; empty where no row of the table has come yet.
    """

    id: int
    what: Literal["resend", "serials"]
    table: str
    day: date
    keys: Sequence[Sequence[str]] = ()
    columns: Sequence[str] = ()
    by: str = ""


class Serials(Message, frozen=True):
    """The business keys that the hospital has of a table and a day, in answer to an `Asked`: as in its `columns`."""

    id: int
    keys: Sequence[Sequence[str]]


def pack(message: Message) -> tuple[bytes, str]:
    """Returns a message as it goes over the line (gzip), and the value of its digest header."""
    body = msgspec.json.encode(message)
    return gzip.compress(body, 5, mtime=0), digest_of(body)


def digest_of(body: bytes) -> str:
    """Returns the value of the digest header for a body as it is before packing."""
    return f"sha-256=:{msgspec.json.encode(hashlib.sha256(body).digest()).decode()[1:-1]}:"


def unpack(packed: bytes) -> bytes:
    """Returns the body that was packed. Raises ValueError for what is cut off, no gzip, or too large."""
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        body = unpacking.decompress(packed, MOST_BYTES + 1)
    except zlib.error:
        raise ValueError("not gzip") from None
    if len(body) > MOST_BYTES:
        raise ValueError("too large")
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("cut off")
    return body


def read_delivery(body: bytes) -> Delivery:
    """Returns what was delivered. Raises ValueError, naming the member, for what is none."""
    try:
        delivery: Delivery = msgspec.json.decode(body, type=Delivery)
    except msgspec.DecodeError as error:
        _, _, place = str(error).partition(" - at ")
        raise ValueError(place or "not a delivery") from None
    name = delivery.table if isinstance(delivery, Rows) else delivery.name
    if "\x00" in name:
        raise ValueError("name")
    if isinstance(delivery, Rows):
        if any("\x00" in column for column in delivery.columns):
            raise ValueError("columns")
        if len(delivery.rows) > MOST_ROWS:
            raise ValueError("rows")
        if any(len(row) != len(delivery.columns) for row in delivery.rows):
            raise ValueError("rows: cells")
    return delivery
