"""Single slips of hands and eyes, as pure functions of what was meant; one that cannot apply changes nothing."""

from collections.abc import Callable
from datetime import date
from random import Random

from kangyun.simulate.registrations.spelling import Spelling


def other_character(rng: Random, given: str, candidates: Callable[[str], list[str]]) -> str:
    """Puts another one in the place of one character, where `candidates` has any."""
    places = [place for place, character in enumerate(given) if candidates(character)]
    if not places:
        return given
    place = rng.choice(places)
    return given[:place] + rng.choice(candidates(given[place])) + given[place + 1 :]


def homophone(rng: Random, given: str, spelling: Spelling) -> str:
    """Chooses the wrong character of the right reading."""
    return other_character(rng, given, spelling.homophones)


def look_alike(rng: Random, given: str, spelling: Spelling) -> str:
    """Takes one character for another that looks like it."""
    return other_character(rng, given, spelling.look_alikes)


def other_digit(rng: Random, text: str) -> str:
    """Types one digit wrong."""
    places = [place for place, character in enumerate(text) if character.isdigit()]
    if not places:
        return text
    place = rng.choice(places)
    return text[:place] + str((int(text[place]) + rng.randint(1, 9)) % 10) + text[place + 1 :]


def digits_swapped(rng: Random, text: str) -> str:
    """Types two neighbouring digits in the wrong order."""
    places = [place for place in range(len(text) - 1) if text[place] != text[place + 1]]
    if not places:
        return text
    place = rng.choice(places)
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def digit_missing(rng: Random, text: str) -> str:
    """Leaves a digit out."""
    place = rng.randrange(len(text))
    return text[:place] + text[place + 1 :]


def _moved(birth: date, *, year: int | None = None, month: int | None = None, day: int | None = None) -> date:
    try:
        return date(year or birth.year, month or birth.month, day or birth.day)
    except ValueError:  # A day that there is not: a form refuses it, and it is typed again.
        return birth


def birth_slip(rng: Random, kind: str, birth: date) -> date | None:
    """Returns a birth date as a kind of slip leaves it; None where it is missing."""
    match kind:
        case "new-years-day":
            return date(birth.year, 1, 1)
        case "first-of-month":
            return date(birth.year, birth.month, 1)
        case "day-and-month":
            return _moved(birth, month=birth.day, day=birth.month) if birth.day <= 12 else birth
        case "digit":
            day = birth.day + rng.choice([-10, -1, 1, 10])
            return _moved(birth, day=day) if day > 0 else birth
        case "year":
            return _moved(birth, year=birth.year + rng.choice([-10, -1, 1, 10]))
        case "default":
            return date(1900, 1, 1)
    return None
