"""The unified social credit code of an institution: checked and made. Pure.

Source: GB 32100-2015 (18 characters without I, O, S, V, Z; weights 3^i mod 31 over the first 17).
"""

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))


def is_valid(code: str) -> bool:
    """Whether a code, in capital letters, has the form and the right check character."""
    return len(code) == 18 and all(sign in _ALPHABET for sign in code) and check_character(code[:17]) == code[17]


def check_character(body: str) -> str:
    """Returns the check character of 17 characters of the alphabet."""
    total = sum(weight * _ALPHABET.index(sign) for weight, sign in zip(_WEIGHTS, body, strict=True))
    return _ALPHABET[-total % 31]


def made(division: str, serial: str) -> str:
    """Returns the code of a public institution (12). `serial` has 9 characters."""
    body = f"12{division}{serial}"
    return body + check_character(body)
