"""Whether two registrations under one number can be one person. Pure.

A certain number decides who somebody is, unless the rest says that it is somebody else: a newborn under its mother's
number, a lent card, a number of a dead person. Then nobody links: a steward is asked.

A slip in one of name, date of birth and sex does not contradict, nor does what one side does not say.
"""

from collections.abc import Callable, Sequence
from datetime import date

from kangyun.identity.registration import names
from kangyun.identity.registration.comparing import (
    ADDRESS_GRADES,
    DATE_GRADES,
    PHONE_GRADES,
    address,
    birth_date,
    phone,
)
from kangyun.identity.registration.fields import Fields, digits
from kangyun.identity.registration.naming import ONE_CHARACTER, OTHER, PARTS, VARIANT, chinese_name, folded
from kangyun.identity.registration.numbering import MOTHERHOOD_YEARS
from kangyun.identity.registration.slips import differing

_UNKNOWN = -1
ADULT = 18  # years; whose card another shows who was born the same day is mostly a child's: a twin's


def contradiction(one: Fields, other: Fields) -> str:
    """Returns the code of the question (see `issues`) that a shared number raises; empty where nothing contradicts."""
    name = _name(one, other)
    born = _best(one, other, "birth_date", birth_date)
    other_sex = _is_another_sex(one, other)
    other_birth = born == len(DATE_GRADES)
    if _mother_and_child(one, other, name=name, other_birth=other_birth):
        return "newborn-under-mother"
    if name == OTHER:
        return "number-of-another" if other_birth or other_sex else "other-name"
    return "other-person" if other_birth and (other_sex or name == _UNKNOWN) else ""


def of_a_relative(arriving: Fields, holder: Fields, registrations: Sequence[Fields]) -> str:
    """Returns a code if a shared number may be a relative's; else an empty text. `holder` is of all `registrations`.

    Brothers and sisters, a father and his son have names that differ by a character. So a name that is another by as
    much, or none at all, is one person's only where nothing says another sex and the day of birth is the same, as both
    sides registered it: a date that was taken from the number is the number's. The same name, or one that sounds or
    looks the same, needs none, but not another day of birth with nothing in common: a card's number is given out again,
    and namesakes are mistaken for one another at the desk.
    """
    name = _best(arriving, holder, "name", chinese_name)
    if _UNKNOWN < name < ONE_CHARACTER:
        is_other_day = _best(arriving, holder, "birth_date", birth_date) == len(DATE_GRADES)
        return ("number-of-namesake" if name <= VARIANT else "number-of-relative") if is_other_day else ""
    born, theirs = _registered_birth(arriving), {day for one in registrations for day in _registered_birth(one)}
    is_same_day = not born.isdisjoint(theirs)
    if _is_another_sex(arriving, holder) and not (name == _UNKNOWN and is_same_day):
        return "number-of-relative"
    return "" if is_same_day or name == _UNKNOWN else "number-of-relative"


def of_a_twin(arriving: Fields, holder: Fields, seen: date) -> str:
    """Returns a code if a child, seen on a day, may have shown the card of a twin; else an empty text.

    One family name, one day of birth, and one character of the given name is another that neither sounds nor looks
    alike: so twins are named. A name with nothing in common is rather a new one, and a shorter one was cut.
    """
    days = {day for day in arriving.get("birth_date", ()) if len(day) == 8} & set(holder.get("birth_date", ()))
    is_child = any(digits(seen) < f"{int(day[:4]) + ADULT}{day[4:]}" for day in days)
    if not is_child or not _shared(arriving, holder, "surname"):
        return ""
    if _best(arriving, holder, "name", chinese_name) != ONE_CHARACTER:
        return ""
    names_of = [[folded(name) for name in fields["name"]] for fields in (arriving, holder)]
    is_another = any(len(a) == len(b) and len(differing(a, b)) == 1 for a in names_of[0] for b in names_of[1])
    return "number-of-twin" if is_another else ""


def _registered_birth(fields: Fields) -> frozenset[str]:
    return frozenset() if "birth_date" in fields.get("derived", ()) else frozenset(fields.get("birth_date", ()))


def _is_another_sex(one: Fields, other: Fields) -> bool:
    sexes = set(one.get("sex", ())), set(other.get("sex", ()))
    return bool(sexes[0] and sexes[1] and sexes[0].isdisjoint(sexes[1]))


def renamed(arriving: Fields, holder: Fields) -> bool:
    """Whether no name in common under one number may be a person's new name, or his name in other letters.

    All else must be one person's: the date of birth to the day and the sex, as registered and not taken from the
    number; family or given name, unless the one is in Latin letters; and telephone, door or who is to be called.
    Whoever has a relative's card has all but the first two of these as well: where the one is who is to be called for
    the other, it is not one person. That nobody else near bears the arriving name, the caller has to see.
    """
    if arriving.get("derived") or not (_shared(arriving, holder, "birth_date") and _shared(arriving, holder, "sex")):
        return False
    latin = [{names.read(name).kind == "latin" for name in fields.get("name", ())} for fields in (arriving, holder)]
    if (latin[0] == latin[1] or not all(latin)) and not any(
        _shared(arriving, holder, field) for field in ("surname", "given")
    ):
        return False
    relatives = (
        _best(arriving, holder, "contact_name", chinese_name, "name"),
        _best(arriving, holder, "name", chinese_name, "contact_name"),
    )
    if any(_UNKNOWN < grade <= PARTS for grade in relatives):
        return False
    beside = (
        (_best(arriving, holder, "phone", phone), PHONE_GRADES.index("tail")),
        (_best(arriving, holder, "address", address), ADDRESS_GRADES.index("door")),
        (_best(arriving, holder, "contact_name", chinese_name), VARIANT),
    )
    return any(_UNKNOWN < grade <= least for grade, least in beside)


def overwritten(before: Fields, now: Fields) -> str:
    """Returns a code if a registration that was written again names somebody else than before; else an empty text.

    A name that was not known before is no other name, nor is one that may be new.
    """
    against = contradiction(before, now) if "name" in before and "name" in now else ""
    return "" if against == "other-name" and renamed(now, before) else against


def of_the_dead(holder: Fields, arriving: Fields, seen: date) -> str:
    """Returns a code if `arriving`, seen on a day, has a number of a holder who had died before; else an empty text.

    A registration that itself says that the person is dead is of that person.
    """
    died = [said for said in holder.get("deceased", ()) if said != "true"]
    if arriving.get("deceased") or not holder.get("deceased"):
        return ""
    is_later = not died or digits(seen)[: len(min(died))] > min(died)
    return "number-of-the-dead" if is_later else ""


def _mother_and_child(one: Fields, other: Fields, *, name: int, other_birth: bool) -> bool:
    """Whether one may be the other's mother: a generation between their births, and no name that is the same."""
    if "newborn" in one or "newborn" in other:
        child, elder = (one, other) if "newborn" in one else (other, one)
        hers = _best(child, elder, "mother_name", chinese_name, "name")
        return "newborn" not in elder and (other_birth or _UNKNOWN < hers < OTHER)
    years = [[int(born[:4]) for born in fields.get("birth_date", ())] for fields in (one, other)]
    generation = bool(years[0] and years[1]) and abs(years[0][0] - years[1][0]) in MOTHERHOOD_YEARS
    elder = one if generation and years[0][0] < years[1][0] else other
    return name == OTHER and other_birth and generation and "female" in elder.get("sex", ("female",))


def _name(one: Fields, other: Fields) -> int:
    """Returns the best grade of the names; of family names where one side has no more: 李先生 is not 王建国."""
    name = _best(one, other, "name", chinese_name)
    if name != _UNKNOWN or "newborn" in one or "newborn" in other:
        return name
    return OTHER if _best(one, other, "surname", chinese_name) == OTHER else _UNKNOWN


def _shared(one: Fields, other: Fields, field: str) -> bool:
    return not {folded(value) for value in one.get(field, ())}.isdisjoint(map(folded, other.get(field, ())))


def _best(one: Fields, other: Fields, field: str, compare: Callable[[str, str], int], against: str = "") -> int:
    """Returns the best grade over all pairs of values; -1 where one side has none."""
    grades = [compare(a, b) for a in one.get(field, ()) for b in other.get(against or field, ())]
    return min(grades, default=_UNKNOWN)
