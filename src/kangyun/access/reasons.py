"""Whether a stated reason can say anything. Pure: what it says is judged by who looks at it afterwards."""


def letters(reason: str) -> int:
    """Returns how many letters and ideographs a text has; none where all of them are the same."""
    found = [sign.casefold() for sign in reason if sign.isalpha()]
    return len(found) if len(set(found)) > 1 else 0
