"""Numbers that people and institutions carry, with right check characters.

Sources: GB 11643-1999 (resident ID number: ISO 7064 MOD 11-2 over 17 digits); GB 32100-2015 (unified social credit
code: weights 3^i mod 31 over 17 characters, alphabet without I, O, S, V, Z).
"""

from datetime import date

_ID_WEIGHTS = [pow(2, 17 - place, 11) for place in range(17)]
_ID_CHECKS = "10X98765432"
_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = [pow(3, place, 31) for place in range(17)]


def id_number(division: str, birth: date, sequence: int) -> str:
    """Returns the 18-character ID number. `sequence` is 0 to 999: odd for men, even for women."""
    body = f"{division}{birth:%Y%m%d}{sequence:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, body, strict=True))
    return body + _ID_CHECKS[total % 11]


def credit_code(division: str, serial: str) -> str:
    """Returns the 18-character social credit code of a public institution. `serial` has 9 characters."""
    body = f"12{division}{serial}"
    total = sum(
        weight * _CREDIT_ALPHABET.index(character) for weight, character in zip(_CREDIT_WEIGHTS, body, strict=True)
    )
    return body + _CREDIT_ALPHABET[-total % 31]
