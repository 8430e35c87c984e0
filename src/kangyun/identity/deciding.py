"""Whose a registration is: one resident's, a question for a steward, or a new resident's. Pure: no database, no clock.

What an identifier says, what contradicts it, and how much the rest weighs comes from `registration` and `linkage`; here
stands only what follows from it. A registration is held against residents, that is, against all that their
registrations ever said: what holds a resident together is how well each fits the whole, not a chain of pairs.

Source: Fellegi and Sunter, A Theory for Record Linkage, JASA 1969;64:1183-1210 (three outcomes, two thresholds).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["new", "certain", "probable"]
Why = Literal["contradicted", "two-residents", "alike", "overwritten"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A registration held against one resident.

    certain:      they share an identifier that decides.
    contradicted: codes of what speaks against it although they share one: name, birth date, sex.
    forbidden:    code of the rule that forbids the link, "" where none does.
    bits:         of evidence: log2 of the Bayes factor. probability: with the prior. grade: what that comes to.
    renamed:      they share an identifier that decides, and everything but the name. slip: the name is another by a
                  character, as a relative's may be.
    named:        the resident bears the registration's name, and has his telephone, home or family.
    """

    resident: int
    certain: bool = False
    contradicted: tuple[str, ...] = ()
    forbidden: str = ""
    bits: float = 0.0
    grade: Literal["certain", "possible", "no"] = "no"
    probability: float = 0.0
    renamed: bool = False
    slip: bool = False
    named: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What a steward is asked: whether the registration is (also) this resident's, or this resident is the other."""

    resident: int
    why: Why
    bits: float
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a registration. resident: None for a new one."""

    kind: Kind
    resident: int | None = None
    bits: float | None = None
    questions: tuple[Question, ...] = ()


MOST_QUESTIONS = 3
"""About one registration: who is asked more answers none."""


def decide(verdicts: Sequence[Verdict], *, margin: float) -> Outcome:
    """Decides by how a registration stands to each resident that it may be of.

    margin: bits by which the best resident must lead the next where no identifier decides.
    """
    verdicts = [_of_whose_name(one, verdicts) for one in verdicts]
    free = [one for one in verdicts if not one.forbidden]
    doubtful = sorted((one for one in verdicts if one.certain and (one.contradicted or one.forbidden)), key=_bits)
    by_identifier = sorted((one for one in free if one.certain and not one.contradicted), key=_bits)
    by_odds = sorted((one for one in free if one.grade == "certain" and not one.certain), key=_bits)
    asked = [Question(one.resident, "contradicted", one.bits, one.contradicted or (one.forbidden,)) for one in doubtful]
    if by_identifier:
        best, *rest = by_identifier
        # Two residents with what is this one person's: they are one, or somebody used another's card.
        asked += [Question(one.resident, "two-residents", one.bits) for one in rest]
        return _outcome("certain", best, asked)
    if doubtful:
        # An identifier that decides points elsewhere: what is only likely does not overrule it.
        return _outcome("new", None, asked)
    if by_odds:
        best, *rest = by_odds
        if not rest or best.bits - rest[0].bits >= margin:
            return _outcome("probable", best, [Question(one.resident, "two-residents", one.bits) for one in rest])
        return _outcome("new", None, [Question(one.resident, "alike", one.bits) for one in by_odds])
    possible = sorted((one for one in free if one.grade == "possible"), key=_bits)
    return _outcome("new", None, [Question(one.resident, "alike", one.bits) for one in possible[:1]])


def _of_whose_name(verdict: Verdict, verdicts: Sequence[Verdict]) -> Verdict:
    """Returns a verdict, contradicted where the other name under one's number is the name of somebody of the household.

    Nobody got a new name then: he came with a relative's card. Where the name is another by a character only, somebody
    of the household who has a number of his own must bear it: of one resident in two halves one bears the slip.
    """
    others = [other for other in verdicts if other.resident != verdict.resident and other.named]
    if (verdict.renamed and others) or (verdict.slip and any(other.forbidden for other in others)):
        return replace(verdict, contradicted=("number-of-another",))
    return verdict


def _bits(verdict: Verdict) -> tuple[float, int]:
    """The strongest first; of equal ones the oldest resident, so that the same input decides the same."""
    return -verdict.bits, verdict.resident


def _outcome(kind: Kind, best: Verdict | None, asked: Sequence[Question]) -> Outcome:
    if best is None:
        return Outcome(kind, questions=tuple(asked[:MOST_QUESTIONS]))
    return Outcome(kind, best.resident, best.bits, tuple(asked[:MOST_QUESTIONS]))


def loose(verdicts: Iterable[Verdict], joined: int) -> list[int]:
    """Returns residents that may be the one who was joined: to be decided anew where they have few registrations, for
    what they were held against before was less.
    """
    return sorted(
        one.resident
        for one in verdicts
        if one.resident != joined and not one.forbidden and (one.certain or one.grade != "no")
    )


def rivals(outcome: Outcome) -> list[int]:
    """Returns the residents of whom a registration may be each, none by enough more than the next: they may be one."""
    alike = [one.resident for one in outcome.questions if one.why == "alike"]
    return alike if outcome.resident is None and 1 < len(alike) == len(outcome.questions) else []


def stays(verdict: Verdict) -> bool:
    """Whether a registration that was written again stays with its resident: unless a rule forbids it by now.

    What has become less alike is no reason to part: the record knows all that was ever said.
    """
    return not verdict.forbidden


def parted_by_person(own: Collection[int], others: Collection[int], not_same: Collection[tuple[int, int]]) -> bool:
    """Whether somebody said that a registration of one side is not the same person as one of the other."""
    return any((min(a, b), max(a, b)) in not_same for a in own for b in others)
