"""The telephone that codes are sent to, or a clear refusal. Pure."""

from kangyun.base.errors import Invalid
from kangyun.base.numbers.phones import mobile

LONGEST = 40


def checked_phone(text: object, at: str = "phone") -> str:
    """Returns a mobile number of 11 digits. Raises Invalid, which does not quote it."""
    found = mobile(text) if isinstance(text, str) and len(text) < LONGEST else ""
    if not found:
        raise Invalid("access.messages.not-a-phone", at=at)
    return found
