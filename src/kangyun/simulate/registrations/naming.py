"""How a name gets into the form: right, as the institution writes names, or with one of the errors of a model."""

from random import Random

from kangyun.simulate.names import Name
from kangyun.simulate.people import Resident
from kangyun.simulate.registrations import slips
from kangyun.simulate.registrations.form import Written
from kangyun.simulate.registrations.habits import Habits
from kangyun.simulate.registrations.model import ErrorModel, pick
from kangyun.simulate.registrations.spelling import Spelling, latin
from kangyun.simulate.tables import tables

_KINDS = (
    "homophone", "look-alike", "parts-swapped", "characters-swapped", "character-missing", "pinyin", "married",
    "suffix",
)  # fmt: skip
_SUFFIXES = ["1", "2", "(女)", "（小）", "*", " 家属"]
_MARRIED_BEFORE = 1955  # born: who still takes the husband's name


def right(written: Written, name: Name, habit: Habits) -> None:
    """Writes the name as the institution writes names."""
    text = name.text.replace("·", habit.dot)
    _put(written, text, name.surname, text.removeprefix(name.surname), habit)


def typed(
    rng: Random, written: Written, who: Resident, name: Name, habit: Habits, model: ErrorModel, spelling: Spelling,
    factor: float,
) -> None:  # fmt: skip
    """Types the name, perhaps wrong."""
    former = next((what for until, kind, what in who.history if kind == "name" and until <= written.on), None)
    if isinstance(former, Name) and former.surname and rng.random() < model.name["former"]:
        name = former
        written.errors.append("name-former")
    name = _rare(rng, written, name, model)
    right(written, name, habit)
    if not name.surname:
        _other(rng, written, name, habit, model)
        return
    kind = pick(rng, model.name, _KINDS, factor)
    surname, given = _wrong(rng, kind, name, who, spelling)
    if kind == "parts-swapped":
        _put(written, given + surname, given, surname, habit)
    elif (surname, given) != (name.surname, name.given):
        _put(written, surname + given if kind != "pinyin" else given, surname, given, habit)
    if written.name != name.text:
        written.errors.append(f"name-{kind}")


def _wrong(rng: Random, kind: str, name: Name, who: Resident, spelling: Spelling) -> tuple[str, str]:
    """Returns surname and given name with an error; a Latin form is all in the given name."""
    surname, given = name.surname, name.given
    match kind:
        case "homophone" | "look-alike":
            slip = slips.homophone if kind == "homophone" else slips.look_alike
            # One in five is in the surname, whose character everybody knows.
            if rng.random() < 0.2:
                return slip(rng, surname, spelling), given
            return surname, slip(rng, given, spelling)
        case "characters-swapped":
            return surname, given[::-1]
        case "character-missing" if len(given) > 1:
            return surname, given[rng.randrange(2)]
        case "pinyin":
            return "", latin(surname, given)
        case "married" if who.sex == "female" and who.birth.year < _MARRIED_BEFORE and who.spouse is not None:
            return who.spouse.papers.name.surname + surname, given
        case "suffix":
            return surname, given + rng.choice(_SUFFIXES)
    return surname, given


def _rare(rng: Random, written: Written, name: Name, model: ErrorModel) -> Name:
    """Puts something in the place of a character that the desk cannot type."""
    table = tables().names
    for character in name.given:
        instead = table.rare_characters.get(character) or table.unencoded_characters.get(character)
        if instead and rng.random() < model.name["rare-character"]:
            written.errors.append("name-rare-character")
            return Name(name.surname, name.given.replace(character, rng.choice(instead)), name.latin)
    return name


def _other(rng: Random, written: Written, name: Name, habit: Habits, model: ErrorModel) -> None:
    """Names without a surname of their own: in Latin letters, or cut where the field ends."""
    if name.latin and rng.random() < model.name["latin"]:
        _put(written, name.latin, "", name.latin, habit)
        written.errors.append("name-latin")
    elif len(written.name) > habit.field and rng.random() < model.name["cut"]:
        cut = written.name[: habit.field]
        _put(written, cut, "", cut, habit)
        written.errors.append("name-cut")


def _put(written: Written, text: str, family: str, given: str, habit: Habits) -> None:
    written.name = text
    written.family, written.given = (family, given) if habit.split else ("", "")
