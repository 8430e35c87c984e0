"""What a registration is looked up by: short strings that two registrations of one person are likely to share. Pure.

Every key begins with its kind and a colon. A key finds candidates and decides nothing. Each kind is bounded in number a
registration (`MOST`), and none is a name alone: names that very many people have (`data/names.toml`) do not even
look up together with a town.

| kind | of | survives |
|---|---|---|
| `id` | number of 18 characters, a mother's and a doubtful one too | all else |
| `no` | any other number that decides | all else |
| `tel` | telephone, a contact's too | all else; families share it, so that it is never certain |
| `bi` | day of birth, first letters of the pinyin | homophones, look-alikes of one initial, changed numbers |
| `bs` | day of birth, family name folded | a given name that is another |
| `bg` | day of birth, given name folded | a changed family name |
| `swap` | birth with day and month exchanged, family name | swapped day and month, and only that |
| `py` | pinyin of the name, year of birth | other characters, wrong day |
| `pm` | pinyin of the name, month and day of birth | other characters, wrong year |
| `turn` | letters of the pinyin sorted, year of birth | family and given name swapped |
| `nt` | name folded, town | another birth date, no number |
| `ft` | family name folded, year of birth, town | a given name that is another with a wrong day, no number |
| `part` | first part of a minority name, year of birth | parts left out |
| `mum` | name of mother or contact, year of birth | a newborn without a name, and who came to be called otherwise |
| `cons` | consonants of a minority or Latin name, year of birth | Latin letters for Chinese characters |
| `kin` | contact's name folded, family name | another birth date |
"""

from collections.abc import Iterable, Iterator

from kangyun.identity.registration import names, pinyin, transcribed
from kangyun.identity.registration.fields import Fields
from kangyun.identity.registration.identifiers import certain_fields
from kangyun.identity.registration.naming import folded
from kangyun.identity.registration.numbering import DOUBTFUL_NUMBER, ID_NUMBER, MOTHER_NUMBER

KINDS = ("id", "no", "tel", "bi", "bs", "bg", "swap", "py", "pm", "turn", "nt", "ft", "part", "mum", "kin", "cons")
MOST = 8
"""Keys of one kind that a registration has."""
LONGEST = 120
"""Characters of a key after its kind."""


def keys(fields: Fields) -> tuple[str, ...]:
    """Returns the keys of a registration, the kinds in the order of `KINDS`, each key once."""
    births = fields.get("birth_date", ())
    days = tuple(born for born in births if len(born) == 8)
    years = tuple(dict.fromkeys(born[:4] for born in births))
    read = tuple(name for name in map(names.read, fields.get("name", ())) if name.text)
    sounds = tuple(pinyin.sound(name) for name in read)
    families = tuple(dict.fromkeys(folded(name.surname) for name in read if name.surname))
    found = {
        "id": (number for field in (ID_NUMBER, MOTHER_NUMBER, DOUBTFUL_NUMBER) for number in fields.get(field, ())),
        "no": (f"{field}|{number}" for field in _other_fields() for number in fields.get(field, ())),
        "tel": (number[-11:] for field in ("phone", "contact_phone") for number in fields.get(field, ())),
        "bi": _pairs(days, (initials for sound in sounds for initials in _initials(sound))),
        "bs": _pairs(days, families),
        "bg": _pairs(days, (folded(name.given) for name in read)),
        "swap": _pairs((day for born in days for day in _swapped(born)), families),
        "py": _pairs(years, (sound.letters for sound in sounds)),
        "pm": _pairs((day[4:] for day in days if day[4:] != "0101"), (sound.letters for sound in sounds)),
        "turn": _pairs(years, ("".join(sorted(sound.letters)) for sound in sounds)),
        "nt": _pairs(fields.get("town", ()), _rarer(read)),
        "ft": _pairs(_pairs(families, years), fields.get("town", ())),
        "part": _pairs(years, (folded(part) for name in read if name.kind == "parts" for part in _ends(name))),
        "mum": _pairs(
            years, (folded(name) for field in ("mother_name", "contact_name") for name in fields.get(field, ()))
        ),
        "kin": _pairs((folded(name) for name in fields.get("contact_name", ())), families),
        "cons": _pairs(
            years, (one for name, sound in zip(read, sounds, strict=True) for one in _consonants(name, sound))
        ),
    }
    return tuple(f"{kind}:{value}" for kind in KINDS for value in _first(found[kind]))


def _other_fields() -> list[str]:
    return sorted(certain_fields() - {ID_NUMBER})


def _rarer(read: Iterable[names.Name]) -> Iterator[str]:
    """Gives names that not too many have, folded."""
    return (whole for name in read if (whole := folded(name.joined)) not in names.common_names())


def _first(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value[:LONGEST] for value in values if value))[:MOST]


def _pairs(left: Iterable[str], right: Iterable[str]) -> Iterator[str]:
    several = tuple(right)
    return (f"{a}|{b}" for a in left for b in several if a and b)


def _initials(sound: pinyin.Sound) -> Iterator[str]:
    """Gives the first letters of a name, those of Latin words in their order and sorted; a family name's other too."""
    yield sound.initials
    yield "".join(sorted(sound.initials))
    for reading in sorted(sound.readings[0])[:3]:
        yield reading[:1] + sound.initials[1:]


def _swapped(born: str) -> Iterator[str]:
    """Gives a date both ways if day and month may be exchanged: the two registrations then share one."""
    month, day = born[4:6], born[6:]
    if month != day and day <= "12":
        yield born[:4] + min(month, day) + max(month, day)


def _consonants(name: names.Name, sound: pinyin.Sound) -> Iterator[str]:
    """Gives the consonants of a name that may be in other letters elsewhere, in either order of its words."""
    if name.kind in ("parts", "latin"):
        yield transcribed.skeleton(sound.letters)
        if name.kind == "latin":
            yield transcribed.skeleton("".join(sound.usual[::-1]))


def _ends(name: names.Name) -> Iterator[str]:
    """Gives what a minority name with parts left out may begin with; without dots its first three characters."""
    yield name.parts[0]
    yield name.joined[:3]
