"""The rules of the index put together: how a Patient is read, and how it stands to a resident. No database.

`registration` reads and says what contradicts; `linkage` weighs by `data/resident.toml` and learnt weights. Here only
what joins them: which identifiers decide, which rules forbid, and what is shown to a steward of it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

from kangyun.fhir import Resource
from kangyun.identity.deciding import Verdict
from kangyun.identity.linkage.clustering import united
from kangyun.identity.linkage.comparators import COMPARATORS, Comparator
from kangyun.identity.linkage.schema import DIFFERS, MISSING, Schema, Thresholds, read_schema
from kangyun.identity.linkage.scoring import Query, Scorer, Step, Waterfall
from kangyun.identity.linkage.weights import Weights, load
from kangyun.identity.registration import comparing
from kangyun.identity.registration.contradicting import (
    contradiction,
    of_a_relative,
    of_a_twin,
    of_the_dead,
    renamed,
)
from kangyun.identity.registration.fields import Fields
from kangyun.identity.registration.keys import keys
from kangyun.identity.registration.reading import read
from kangyun.identity.weighing import Held, Reading

EDITION = 3
"""Of the reading: another one has every registration read again."""
MARGIN = 5.0  # bits by which the likeliest resident leads the next
CERTAIN, ANY_NUMBER = "certain", "any_number"
"""Fields of the index's own: what decides, as `field|value`, and all numbers of identity cards, doubtful ones too."""
NUMBERS_DIFFER, TWINS = "numbers-differ", "twins"
REGISTRATIONS_EACH, LEAST_REGISTRATIONS = 3, 10_000
"""Of one resident besides the one at hand, roughly; a register that begins is judged as one of so many."""
HOUSEHOLD, HOUSEHOLD_ODDS = ("telephone", "home", "family"), -2.0  # bits
"""What a household has in common tells it from all others and not its members from each other: however much of it
agrees, somebody of it is one in four with that. What is a person's own has to tell the rest."""
LEAST_SUPPORT, MOST_AGAINST = 3.0, -2.5  # bits
"""In any region there are namesakes of one day: where what a household has in common speaks against it, and none of it
for it, they link nobody."""
NEW_YEARS_DAY = 3.3  # bits; unverified: ten times as many are registered as of another day
"""Less that 1 January says than another day of birth: it stands for a day that nobody knew."""
OWN_NAME = frozenset({"same", "variant", "sound", "swapped", "look-alike", "parts", "transcribed"})
"""Levels of a name that twins do not share: siblings of one day, one home and one telephone differ by a character."""
ALIKE = frozenset({"same", "variant", "sound"})
"""Levels of a name by which somebody is found to be the one whom a registration under another's number is of."""
SLIPS = frozenset({"one character", "given", "near in sound"})
"""Levels of a name that brothers and sisters, a father and his son have in common."""
HOPELESS = -20.0  # bits
"""Odds below which nothing that only lowers them is looked at."""

_LIKE_IDENTITY = re.compile(r"\d{14,18}[\dX]?")
_GRADES: Mapping[str, Literal["certain", "possible", "no"]] = {
    "certain": "certain", "probable": "possible", "possible": "possible", "none": "no",
}  # fmt: skip
AT_HAND = {
    **COMPARATORS, **{name: Comparator(one.grades, one.compare) for name, one in comparing.COMPARATORS.items()},
}  # fmt: skip


@cache
def schema() -> Schema:
    """Returns the schema that is shipped."""
    return read_schema(files("kangyun.identity").joinpath("data", "resident.toml").read_bytes())


@cache
def shipped_weights() -> Weights:
    """Returns the weights that are shipped; `data/SOURCE.md` says of what they were learnt."""
    return load(files("kangyun.identity").joinpath("data", "weights.json").read_bytes(), schema())


def fields_of(patient: Resource, today: date, *, demo: bool) -> tuple[Fields, tuple[str, ...]]:
    """Returns what a Patient says, with the index's own fields, and the codes of what a steward is asked about it."""
    said = read(patient, today, demo=demo)
    fields = dict(said.fields)
    # A card's number that nobody's is without its issuer, whom nobody names, is no number of an identity card's.
    doubtful = (one for one in fields.get("doubtful_number", ()) if _LIKE_IDENTITY.fullmatch(one))
    numbers = (*fields.get("id_number", ()), *doubtful)
    if numbers:
        fields[ANY_NUMBER] = numbers
    if said.certain:
        fields[CERTAIN] = tuple(f"{field}|{value}" for field, value in said.certain)
    return fields, tuple(dict.fromkeys(one.code for one in said.issues if one.is_question))


@dataclass(frozen=True, slots=True)
class ResidentRules:
    """As `weighing.Rules` says. today: by which births and deaths are judged. demo: fictitious numbers count."""

    scorer: Scorer
    model: str
    today: Callable[[], date]
    demo: bool
    edition: int = EDITION
    margin: float = MARGIN

    def read(self, patient: Resource) -> Reading:
        fields, issues = fields_of(patient, self.today(), demo=self.demo)
        return Reading(fields, keys(fields), issues)

    def again(self, fields: Fields) -> Reading:
        return Reading(fields, keys(fields))

    def prepare(self, fields: Fields, *, among: int, historic: bool = False) -> "Prepared":
        query = self.scorer.prepare(fields, prior=prior_among(among))
        return Prepared(fields, query, self.scorer.schema.thresholds, None if historic else self.today())


@dataclass(frozen=True, slots=True)
class Prepared:
    """A registration, ready to be held against residents. seen: the day of it, None where nobody knows."""

    fields: Fields
    query: Query
    thresholds: Thresholds
    seen: date | None

    def held(self, resident: int, registrations: Sequence[Fields]) -> Held:
        """Holds it against what a resident's registrations say."""
        whole = united(registrations)
        shares = not set(self.fields.get(CERTAIN, ())).isdisjoint(whole.get(CERTAIN, ()))
        forbidden = _forbidden(self.fields, whole)
        if forbidden and not shares and set(self.fields.get("pinyin", ())).isdisjoint(whole.get("pinyin", ())):
            # Most who are near: another number and another name. There is nothing to be weighed.
            return Held(Verdict(resident, forbidden=forbidden), lambda: _shown(self.query.explain(whole), 0.0))
        score = self.query.score(whole)
        if not shares and score.bits + self.query.prior < HOPELESS:
            far = Verdict(resident, forbidden=forbidden, bits=score.bits)
            return Held(far, lambda: _shown(self.query.explain(whole), score.bits))
        waterfall = self.query.explain(whole)
        at = {one.comparison: one for one in waterfall.steps}
        against, other_name = self._against(whole, registrations) if shares else ("", False)
        bits = score.bits - max(0.0, _of_household(at) - (HOUSEHOLD_ODDS - self.query.prior))
        bits -= NEW_YEARS_DAY if _share_only(self.fields, whole, "birth_date", lambda day: day[4:] == "0101") else 0.0
        probability = self.query.probability(bits)
        grade = _GRADES[self.thresholds.grade(probability)]
        doubt = self._doubt(whole, registrations, at) if grade == "certain" and not shares else ""
        named = at["name"].level in ALIKE and max(at[name].bits for name in HOUSEHOLD) >= LEAST_SUPPORT
        slip = shares and not against and at["name"].level in SLIPS
        verdict = Verdict(
            resident, shares, (against,) if against else (), forbidden, bits,
            "possible" if doubt else grade, probability, renamed=other_name, slip=slip, named=named,
        )  # fmt: skip
        return Held(verdict, lambda: _shown(waterfall, bits, doubt))

    def _against(self, whole: Fields, registrations: Sequence[Fields]) -> tuple[str, bool]:
        """Returns what speaks against a shared number, and whether only the name is another."""
        against = contradiction(self.fields, whole) or of_a_relative(self.fields, whole, registrations)
        other_name = against == "other-name" and renamed(self.fields, whole)
        if against and not other_name:
            return against, False
        if not self.seen:
            return "", other_name
        return of_the_dead(whole, self.fields, self.seen) or of_a_twin(self.fields, whole, self.seen), other_name

    def _doubt(self, whole: Fields, registrations: Sequence[Fields], at: Mapping[str, Step]) -> str:
        """Returns why it may be somebody else in spite of the odds, "" for no reason.

        Somebody with a relative's number, which did not count as one then; somebody who comes after his death; a
        namesake of the same day, or somebody of whom half a name is known; a twin; or somebody who is like no
        registration by itself.
        """
        beside, number, name = [at[one].bits for one in HOUSEHOLD], at["number"], at["name"].level
        if at["birth"].level == DIFFERS:
            return "other-birth"
        if self.seen and of_the_dead(whole, self.fields, self.seen):
            return "of-the-dead"
        if number.level != "same":
            against = number.level == DIFFERS or (sum(beside) < MOST_AGAINST and number.bits < LEAST_SUPPORT)
            if against and max(beside) < LEAST_SUPPORT:
                return "namesake"
            if max(beside) < LEAST_SUPPORT and _is_half_a_name(self.fields, whole):
                return "half-name"
            if max(beside) < LEAST_SUPPORT and number.level != "slip" and _is_half_a_birth(self.fields, whole):
                return "half-birth"
            if name not in OWN_NAME and name != MISSING and number.level != "slip":
                return "sibling"
        if name == MISSING and _of_several(self.fields, whole, at):
            return "without-name"
        if number.level in ("same", "slip") and of_a_relative(self.fields, whole, registrations):
            return "sibling"
        chained = len(registrations) > 1 and all(self.query.score(one).grade != "certain" for one in registrations)
        return "chained" if chained else ""


def _is_half_a_name(one: Fields, other: Fields) -> bool:
    """Whether all that the names have in common is one word in Latin letters or one character: WANG, 王.

    Frequencies are those of whole names, so that half of one looks rare.
    """
    return _share_only(one, other, "name", lambda name: len(name) == 1 or (name.isascii() and " " not in name))


def _is_half_a_birth(one: Fields, other: Fields) -> bool:
    """Whether all that the births have in common is a year or a month. Equal ones look like one day in 25,000."""
    return _share_only(one, other, "birth_date", lambda day: len(day) < 8)


def _share_only(one: Fields, other: Fields, field: str, kind: Callable[[str], bool]) -> bool:
    """Whether two have values of a field in common, all of a kind."""
    shared = set(one.get(field, ())) & set(other.get(field, ()))
    return bool(shared) and all(map(kind, shared))


def _of_several(one: Fields, other: Fields, at: Mapping[str, Step]) -> bool:
    """Whether two registrations, one at least without a name, may be of twins, or of somebody whom nobody knows.

    A newborn is known by its mother, its day and its sex, if nothing says that she had several that day: not where one
    of several would get a name, nor where one ward has registered two.
    """
    newborns = ["newborn" in fields for fields in (one, other)]
    if not any(newborns) or at["sex"].level != "same" or at["birth"].level != "same":
        return True
    if all(newborns) and not ("name" in one or "name" in other):
        return not set(one.get("institution", ())).isdisjoint(other.get("institution", ()))
    return any("birth_order" in fields or "multiple_birth" in fields for fields in (one, other))


def _of_household(at: Mapping[str, Step]) -> float:
    return sum(at[name].bits for name in HOUSEHOLD)


def _forbidden(one: Fields, other: Fields) -> str:
    """Returns the code of the rule that forbids a link, "" where none does."""
    if _apart(one, other, "id_number"):
        return NUMBERS_DIFFER
    births = [{value for value in fields.get("multiple_birth", ()) if value != "true"} for fields in (one, other)]
    apart = births[0] and births[1] and births[0].isdisjoint(births[1])
    return TWINS if apart or _apart(one, other, "birth_order") else ""


def _apart(one: Fields, other: Fields, field: str) -> bool:
    return field in one and field in other and set(one[field]).isdisjoint(other[field])


def _shown(waterfall: Waterfall, bits: float, doubt: str = "") -> object:
    """What a steward sees: levels and bits, no value. bits: in all, a household counted once."""
    return {
        "doubt": doubt,
        "prior": round(waterfall.prior, 2),
        "bits": round(bits, 2),
        "steps": [[one.comparison, one.level, round(one.bits, 2)] for one in waterfall.steps],
    }


def prior_among(registrations: int) -> float:
    """Returns the probability that two of so many registrations are of one person, before anything is compared.

    A region has a few registrations of each resident; the more residents, the more namesakes of one day of birth.
    """
    return REGISTRATIONS_EACH / max(registrations, LEAST_REGISTRATIONS)


def resident_rules(today: Callable[[], date], *, demo: bool) -> ResidentRules:
    """Returns the rules that are shipped."""
    weights = shipped_weights()
    return ResidentRules(Scorer(schema(), weights, AT_HAND), f"{weights.version[:16]}/{EDITION}", today, demo)
