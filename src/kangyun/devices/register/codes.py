"""Claim codes: short enough to be typed from a label, and told from a mistyped one before anything is looked for.

Eight characters of Crockford's base 32, which are 40 bits, and a check symbol: K7MQ-2XPA-C. O is read as 0, I and L
as 1. 40 bits are few, so wrong ones are counted (`claims`): of a million codes that are open, a try meets one with a
probability of one in a million.

Source: D. Crockford, Base 32, https://www.crockford.com/base32.html (alphabet, decoding, check symbol by modulo 37).
"""

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CHECKS = f"{ALPHABET}*~$=U"
SIGNS = 8
QR_PREFIX = "kangyun:claim:"
_READ = {**{sign: sign for sign in CHECKS}, "O": "0", "I": "1", "L": "1"}


def draw() -> str:
    """Returns a new code, as it is printed: three groups."""
    number = secrets.randbelow(1 << 5 * SIGNS)
    plain = "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(SIGNS)))
    return printed(plain + CHECKS[number % 37])


def printed(plain: str) -> str:
    """Returns a code as people read it."""
    return f"{plain[:4]}-{plain[4:8]}-{plain[8:]}"


def read(typed: str) -> str | None:
    """Returns the code that was typed or scanned, None where it cannot be one: mistyped, too short."""
    text = typed.strip()
    if text.lower().startswith(QR_PREFIX):
        text = text[len(QR_PREFIX) :]
    signs = [_READ.get(sign, "") for sign in text.upper() if sign not in "- \u3000"]
    if len(signs) != SIGNS + 1 or not all(signs) or any(sign not in ALPHABET for sign in signs[:SIGNS]):
        return None
    number = 0
    for sign in signs[:SIGNS]:
        number = number << 5 | ALPHABET.index(sign)
    return printed("".join(signs)) if CHECKS[number % 37] == signs[SIGNS] else None
