"""What an administrator's request says: JSON members and options, each refused by its name."""

from typing import Any, TypeVar

import msgspec

from kangyun.base.errors import Invalid, Malformed
from kangyun.web.exchange import HttpRequest

LARGEST_NUMBER = 2**63 - 1
T = TypeVar("T")


class Why(msgspec.Struct, forbid_unknown_fields=True):
    """Why something is done to somebody."""

    why: str


async def read(request: HttpRequest, type_: type[T]) -> T:
    """Returns the body as what it must be. Raises Malformed, and Invalid naming the member."""
    try:
        return msgspec.json.decode(await request.body(), type=type_)
    except msgspec.ValidationError as error:
        raise Invalid("web.json-member", member=str(error).rpartition(" - at ")[2][:60]) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("web.json-object") from None


async def reason(request: HttpRequest) -> str:
    """Returns why something is done, in words. Raises Invalid where nothing is said."""
    why = " ".join((await read(request, Why)).why.split())
    if not 2 <= len(why) <= 500:
        raise Invalid("web.why-needed", at="why")
    return why


def number(text: str | None, at: str) -> int:
    """Returns a number of an address or an option, 0 where none is said. Raises Invalid."""
    if text is None:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= LARGEST_NUMBER):
        raise Invalid("web.json-member", member=at, at=at)
    return int(text)


def told(**members: Any) -> dict[str, Any]:
    """Returns an object without what is not there."""
    return {name: value for name, value in members.items() if value is not None}
