"""The rules of the index put together: how a Patient is read, and how it stands to a resident. No database.

`registration` reads and says what contradicts; `linkage` weighs by `data/resident.toml` and learnt weights. Here only
what joins them: which identifiers decide, which rules forbid, and what is shown to a steward of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from kangyun.fhir import Resource
from kangyun.identity.deciding import Verdict
from kangyun.identity.linkage.clustering import united
from kangyun.identity.linkage.comparators import COMPARATORS, Comparator
from kangyun.identity.linkage.schema import Schema, read_schema
from kangyun.identity.linkage.scoring import Query, Scorer, Waterfall
from kangyun.identity.linkage.weights import Weights, load
from kangyun.identity.registration import comparing
from kangyun.identity.registration.contradicting import contradiction, of_the_dead
from kangyun.identity.registration.fields import Fields
from kangyun.identity.registration.keys import keys
from kangyun.identity.registration.reading import read
from kangyun.identity.weighing import Held, Reading

EDITION = 1
"""Of the reading: another one has every registration read again."""
MARGIN = 5.0  # bits by which the likeliest resident leads the next
CERTAIN, ANY_NUMBER = "certain", "any_number"
"""Fields of the index's own: what decides, as `field|value`, and all numbers of identity cards, doubtful ones too."""
NUMBERS_DIFFER, TWINS = "numbers-differ", "twins"
REGISTRATIONS_EACH, LEAST_REGISTRATIONS = 3, 10_000
"""Of one resident besides the one at hand, roughly; a register that begins is judged as one of so many."""
BESIDE, LEAST_SUPPORT, MOST_AGAINST = ("number", "telephone", "home", "family"), 3.0, -2.5  # bits
"""In any region there are namesakes of one day: where what stands beside name, sex and birth speaks against it, and
none of it for it, they link nobody."""
OWN_NAME = frozenset({"missing", "same", "variant", "sound", "swapped", "look-alike", "parts"})
"""Levels of a name that twins do not share: siblings of one day, one home and one telephone differ by a character."""
SUPPORT = 0.5
"""Share of a resident's registrations to which another must be likely by itself to be linked by odds alone."""

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
    numbers = (*fields.get("id_number", ()), *fields.get("doubtful_number", ()))
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

    def prepare(self, fields: Fields) -> "Prepared":
        return Prepared(fields, self.scorer.prepare(fields), self.today())


@dataclass(frozen=True, slots=True)
class Prepared:
    """A registration, ready to be held against residents."""

    fields: Fields
    query: Query
    today: date

    def held(self, resident: int, registrations: Sequence[Fields]) -> Held:
        """Holds it against what a resident's registrations say."""
        whole = united(registrations)
        score = self.query.score(whole)
        shares = not set(self.fields.get(CERTAIN, ())).isdisjoint(whole.get(CERTAIN, ()))
        against = contradiction(self.fields, whole) or of_the_dead(whole, self.fields, self.today) if shares else ""
        grade = "certain" if score.grade == "certain" else "no" if score.grade == "none" else "possible"
        if grade == "certain" and not shares and self._doubtful(whole, registrations):
            grade = "possible"
        verdict = Verdict(
            resident, shares, (against,) if against else (), _forbidden(self.fields, whole), score.bits,
            grade, score.probability,  # type: ignore[arg-type]
        )  # fmt: skip
        return Held(verdict, lambda: _shown(self.query.explain(whole)))

    def _doubtful(self, whole: Fields, registrations: Sequence[Fields]) -> bool:
        """Whether it may be a namesake of the same day, a twin, or alike to few of the registrations only."""
        at = {one.comparison: one for one in self.query.explain(whole).steps}
        beside = [at[name].bits for name in BESIDE]
        namesake = max(beside) < LEAST_SUPPORT and sum(beside) < MOST_AGAINST
        sibling = at["name"].level not in OWN_NAME and at["number"].level != "same"
        likely = sum(self.query.score(one).grade != "none" for one in registrations)
        return namesake or sibling or likely < SUPPORT * len(registrations)


def _forbidden(one: Fields, other: Fields) -> str:
    """Returns the code of the rule that forbids a link, "" where none does."""
    if _apart(one, other, "id_number"):
        return NUMBERS_DIFFER
    births = [{value for value in fields.get("multiple_birth", ()) if value != "true"} for fields in (one, other)]
    if births[0] and births[1] and births[0].isdisjoint(births[1]):
        return TWINS
    return ""


def _apart(one: Fields, other: Fields, field: str) -> bool:
    return field in one and field in other and set(one[field]).isdisjoint(other[field])


def _shown(waterfall: Waterfall) -> object:
    """What a steward sees: levels and bits, no value."""
    return {
        "prior": round(waterfall.prior, 2),
        "bits": round(waterfall.score.bits, 2),
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
