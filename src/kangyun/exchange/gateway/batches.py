"""Deliveries as signed files, for a data diode (网闸): written here, verified and read at the centre. Pure but `write`.

A file is one line of JSON (feed, number, digest, key), one line with the signature of that line and of the content's
digest, and the content as it would go over the line. What was changed, cut off or made by another is refused.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from kangyun.exchange.gateway.keys import ClientKey, is_signed
from kangyun.exchange.gateway.queue import Waiting
from kangyun.exchange.protocol import Delivery, digest_of, read_delivery, unpack

ENDING = ".kyb"
_LONGEST_HEAD = 4096


class Head(msgspec.Struct, frozen=True):
    """What a batch file says of itself. digest: of the content, as the digest header has it."""

    feed: str
    number: int
    digest: str
    key: str
    form: str = "kangyun-batch-1"


class Batch(msgspec.Struct, frozen=True):
    """A batch file that is what it says. body: the delivery as it was before it was packed."""

    head: Head
    delivery: Delivery
    body: bytes


def name_of(feed: str, number: int) -> str:
    """Returns the name of a batch file: they sort as their numbers do."""
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in feed)
    return f"{plain}-{number:010d}{ENDING}"


def made(feed: str, waiting: Waiting, key: ClientKey) -> bytes:
    """Returns a delivery as a batch file."""
    head = msgspec.json.encode(Head(feed, waiting.number, waiting.digest, key.id))
    return head + b"\n" + base64.b64encode(key.sign(head)) + b"\n" + waiting.content


def head_of(content: bytes) -> Head:
    """Returns what a batch file says of itself, which nobody has verified. Raises ValueError for what is none."""
    try:
        return msgspec.json.decode(content.partition(b"\n")[0][:_LONGEST_HEAD], type=Head)
    except msgspec.DecodeError:
        raise ValueError("not a batch file") from None


def read(content: bytes, keys: Mapping[str, Mapping[str, Any]]) -> Batch:
    """Returns what a batch file holds. keys: the public ones of the sender, by their ids.

    Raises ValueError, saying what is wrong, for what is no batch file, was changed, or is signed by nobody known.
    """
    told, _, rest = content.partition(b"\n")
    written, _, packed = rest.partition(b"\n")
    head = head_of(content)
    try:
        signature = base64.b64decode(written[:_LONGEST_HEAD], validate=True)
    except binascii.Error:
        raise ValueError("not a batch file") from None
    key = keys.get(head.key)
    if key is None:
        raise ValueError("unknown key")
    if not is_signed(told, signature, dict(key)):
        raise ValueError("wrong signature")
    body = unpack(packed)
    if digest_of(body) != head.digest:
        raise ValueError("changed content")
    return Batch(head, read_delivery(body), body)


def write(folder: Path, feed: str, waiting: Waiting, key: ClientKey) -> Path:
    """Writes a batch file in one step, so that nobody takes half of it. Returns its path."""
    path = folder / name_of(feed, waiting.number)
    fresh = path.with_suffix(".tmp")
    with fresh.open("wb") as stream:
        stream.write(made(feed, waiting, key))
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(fresh, path)
    return path
