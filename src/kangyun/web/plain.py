"""JSON of ours, and files, as addresses beside FHIR take and give them; errors are OperationOutcomes as everywhere."""

from typing import Any, TypeVar

import msgspec

from kangyun.access.staff.sheets import XLSX
from kangyun.base.errors import Invalid, Malformed
from kangyun.web.exchange import Answer

JSON = "application/json"
_DIGITS = 18
T = TypeVar("T")


def numbered(text: str) -> int:
    """Returns a number of an address. Raises Invalid."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise Invalid("exchange.feeds.wrong-number")
    return int(text)


def read_json(body: bytes, type_: type[T]) -> T:
    """Returns what a body says. Raises Invalid naming the member, Malformed for what is no JSON."""
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise Invalid("web.json-member", member=str(error).rpartition(" - at ")[2]) from None
    except msgspec.DecodeError:
        raise Malformed from None


def json_answer(told: Any, status: int = 200) -> Answer:
    """Returns an answer in JSON of ours, which nobody keeps."""
    return Answer(status, msgspec.json.encode(told), {"cache-control": "no-store"}, resource=False, media_type=JSON)


def file_answer(body: bytes, name: str, type_: str = XLSX) -> Answer:
    """Returns a file to be saved, which nobody keeps. name: with its ending."""
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Answer(200, body, headers, resource=False, media_type=type_)
