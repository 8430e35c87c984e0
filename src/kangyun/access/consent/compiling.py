"""From a Consent to denials and disclosures. Pure.

A provision is a box: for whom, for which purposes, which labels, when. What is nested in it are exceptions to it, and
so on; the innermost that fits decides. A denial with exceptions becomes the boxes that are left of it. Where a Consent
says more than a box can (single resources, classes, codes, periods of data, one of the posts of somebody, actions that
nobody knows), the stricter reading holds: a denial is taken without what narrows it, its own or that of what it is
nested in; a permission narrowed so is not taken at all, nor are permissions nested in what is narrowed so.

Several Consents of a resident all count: what one denies is denied. A permission opens what is closed to the role
otherwise; what is sensitive only where it names it, and where the resident has said so himself. Who is permitted some
categories has a reason to see these, and no others.

The policyRule is what holds where no provision says otherwise: the root is its box, or, where it permits and the rule
denies, an exception to it.

Source: https://hl7.org/fhir/R4/consent.html; policyRule codes of v3-ActCode (OPTIN, OPTOUT); actions of
http://hl7.org/fhir/R4/valueset-consent-action.html.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from kangyun.access.houses import BELOW
from kangyun.access.labels import Labels
from kangyun.access.policy import ANY_PURPOSE, Policy, purpose_bit
from kangyun.access.policy.sights import ANYBODY
from kangyun.base.errors import RuleBroken
from kangyun.fhir import Resource
from kangyun.fhir.search.dates import bounds

ROLE_SYSTEM = "urn:kangyun:role"
"""System of the identifier by which an actor of a provision is a role of the policy."""
WRITER = {"system": "urn:kangyun:party", "value": "writer"}
"""Identifier of an actor whom an exception leaves out: of each row, the institution that wrote it, now and to come."""
WRITERS = "writer"
"""What it is called among the parties of a box."""
LEAVES_OUT = "urn:kangyun:extension:leaves-out"
"""Of a provision that permits within one that denies: it leaves out of the denial, and opens nothing to anybody."""
_ACTIONS = (None, "http://terminology.hl7.org/CodeSystem/consentaction")
_READING, _NOT_READING = frozenset({"access", "use", "disclose"}), frozenset({"collect", "correct"})
_BASE = {"OPTIN": "permit", "OPTINR": "permit", "OPTOUT": "deny", "OPTOUTE": "deny", "NOPP": "deny", "NODSCLCD": "deny"}
_BEYOND_A_BOX = ("class", "code", "dataPeriod", "data")
MOST = 1_000
"""Boxes that one Consent comes to, of a permission each party: exceptions that cross each other make many more."""
_NAMED = ("Organization", "Practitioner", "RelatedPerson", "Patient", "Device")
BEGINNING, END = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Box:
    """For whom, for what, which labels, when: [low, high).

    parties: names as `access.policy.sights.party` takes them; None for everybody. besides: who is left out of it.
    covers:  of a permission, the labels of what it is a reason to see; `labels` are those that it opens.
    """

    parties: frozenset[str] | None
    purposes: int
    labels: int
    low: datetime
    high: datetime
    besides: frozenset[str] = frozenset()
    covers: int = 0


@dataclass(frozen=True, slots=True)
class Word:
    """What a Consent comes to."""

    denials: tuple[Box, ...] = ()
    disclosures: tuple[Box, ...] = ()


def compile_consent(
    consent: Resource, labels: Labels, policy: Policy, zone: tzinfo, meant: Mapping[str, frozenset[str]], *, own: bool
) -> Word:
    """Returns what a Consent comes to; nothing for one that is not active.

    meant: whom a denial binds that names what nobody signs in as, by the reference; nobody for everybody. own: it is
    the resident's own word, or a guardian's, and not what somebody else says of it. Raises RuleBroken for more than
    `MOST`.
    """
    if consent.get("status") != "active":
        return Word()
    root = consent.get("provision", {})
    base, type_ = _base(consent), root.get("type")
    if base == "deny" and type_ == "permit":  # The root is an exception to what the rule says of everything.
        type_, root = base, {"provision": [root]}
    everything = Box(None, ANY_PURPOSE, _everything(labels), BEGINNING, END)
    return _Reading(labels, policy, zone, meant, own).word(type_ or base, root, everything, everything)


def actors(provision: Mapping[str, Any]) -> Iterator[str]:
    """Gives the references of whom a provision names, and those within it."""
    for actor in provision.get("actor", ()):
        yield str(actor.get("reference", {}).get("reference", ""))
    for one in provision.get("provision", ()):
        yield from actors(one)


def _base(consent: Resource) -> str | None:
    """Returns what its rule says of everything, None where we do not know it; of two, the stricter."""
    codes = [coding.get("code") for coding in consent.get("policyRule", {}).get("coding", ())]
    return min((_BASE[code] for code in codes if code in _BASE), default=None)


def _everything(labels: Labels) -> int:
    """Each resource has a category: these are all resources."""
    return labels.mask(*labels.categories)


@dataclass(frozen=True, slots=True)
class _Reading:
    labels: Labels
    policy: Policy
    zone: tzinfo
    meant: Mapping[str, frozenset[str]]
    own: bool

    def word(self, type_: str | None, provision: Mapping[str, Any], within: Box, permitting: Box | None) -> Word:
        """Returns what a provision comes to inside of another one. type_: None where it says nothing itself.

        within: the box of the other one as far as a box can say it, in which is denied; permitting: its box in which is
        permitted, None where a box cannot say it.
        """
        # Where nothing is said of the whole, what is nested is not denied any less for it.
        box = within if type_ is None else self._denying(provision, within)
        if not _is_something(box):
            return Word()
        opening = self._permitting(provision, permitting) if permitting is not None else None
        nested = [(one.get("type"), one) for one in provision.get("provision", ())]
        denials: list[Box] = []
        disclosures: list[Box] = []
        if type_ == "deny" and _is_of_reading(provision, denies=True):
            denials = [box]
            for kind, one in nested:
                permitted = self._permitting(one, box) if kind == "permit" else None
                if permitted is not None:
                    denials = [rest for denied in denials for rest in self._without(denied, permitted)]
                    _bound(denials)
        elif type_ == "permit" and permitting is not None and opening is not None and not _only_leaves_out(provision):
            disclosures = self._opening(opening, permitting, named="securityLabel" in provision)
        for kind, one in nested:
            inner = self.word(kind, one, box, opening)
            denials += inner.denials
            disclosures += inner.disclosures
            _bound(denials, disclosures)
        return Word(tuple(denials), tuple(disclosures))

    def _opening(self, box: Box, within: Box, *, named: bool) -> list[Box]:
        """What a permission opens: of what is sensitive only what it names, and that by the resident's own word."""
        # Of two that are named as different things, only who is both would be meant: that is no box.
        if within.parties is not None and not (box.parties or frozenset()) <= within.parties:
            return []
        permitted = box.labels if named and self.own else box.labels & ~self.policy.sensitive
        if not permitted:
            return []
        levels = self.labels.mask(*(f"level-{number}" for number in self.labels.levels))
        return [replace(box, labels=permitted | levels, covers=permitted)]

    def _denying(self, provision: Mapping[str, Any], within: Box) -> Box:
        """Returns the box in which a provision denies, or has denials nested: without what a box cannot say of it."""
        parties, labels = self._parties(provision, denies=True), self._labels(provision)
        return self._box(
            provision,
            within,
            parties=None if parties is None else parties or within.parties,
            purposes=self._purposes(provision) or ANY_PURPOSE,
            labels=_everything(self.labels) if labels is None else labels or within.labels,
        )

    def _permitting(self, provision: Mapping[str, Any], within: Box) -> Box | None:
        """Returns the box in which a provision permits; None where nothing is left of it, or a box cannot say it."""
        if not _is_of_reading(provision, denies=False) or any(name in provision for name in _BEYOND_A_BOX):
            return None
        parties = self._parties(provision, denies=False)
        purposes = self._purposes(provision)
        labels = self._labels(provision)
        if parties is None or purposes is None or labels is None:
            return None
        box = self._box(
            provision,
            within,
            parties=parties or within.parties,
            purposes=purposes or ANY_PURPOSE,
            labels=labels or within.labels,
        )
        return box if _is_something(box) else None

    def _box(
        self, provision: Mapping[str, Any], within: Box, *, parties: frozenset[str] | None, purposes: int, labels: int
    ) -> Box:
        low, high = self._period(provision)
        low, high = max(low, within.low), min(high, within.high)
        return Box(parties, within.purposes & purposes, labels, low, high, within.besides)

    def _parties(self, provision: Mapping[str, Any], *, denies: bool) -> frozenset[str] | None:
        """Returns who is named, nobody for everybody, None where somebody is named whom we do not know how to name."""
        found: set[str] = set()
        for actor in provision.get("actor", ()):
            reference = actor.get("reference", {})
            identifier = reference.get("identifier", {})
            text = str(reference.get("reference", ""))
            meant = self.meant.get(text, frozenset({text})) if denies else frozenset({text})
            is_role = identifier.get("system") == ROLE_SYSTEM and identifier.get("value") in self.policy.roles
            if is_role:
                found.add(f"role:{identifier['value']}")
            is_writer = not denies and identifier == WRITER
            if is_writer:
                found.add(WRITERS)
            if (is_role or is_writer) and not text:
                continue
            # Of a role and a name, a denial is of each; a permission would be of who is both, which is no party.
            if (denies or not is_role) and meant and all(_is_named(name.removeprefix(BELOW)) for name in meant):
                found |= meant
            else:
                return None
        return frozenset(found)

    def _purposes(self, provision: Mapping[str, Any]) -> int | None:
        """Returns the bits of the purposes, 0 for all, None where one is not known."""
        bits = [purpose_bit(str(coding.get("code"))) for coding in provision.get("purpose", ())]
        return None if 0 in bits else sum(set(bits))

    def _labels(self, provision: Mapping[str, Any]) -> int | None:
        """Returns the labels that are named, 0 for all, None where one is not known."""
        found = 0
        for coding in provision.get("securityLabel", ()):
            mask = self.labels.of_code(coding.get("system"), coding.get("code"))
            # A sensitivity brings its level, which others have as well: the label itself is meant.
            narrow = mask & ~self.labels.mask(*(f"level-{number}" for number in self.labels.levels))
            if not mask:
                return None
            found |= narrow or mask
        return found

    def _period(self, provision: Mapping[str, Any]) -> tuple[datetime, datetime]:
        period = provision.get("period", {})
        low = bounds(period["start"], self.zone)[0] if "start" in period else BEGINNING
        high = bounds(period["end"], self.zone)[1] if "end" in period else END
        return max(low, BEGINNING), min(high, END)

    def _without(self, box: Box, hole: Box) -> Iterator[Box]:
        """Gives what is left of a denial around a permission that lies within it."""
        if box.low < hole.low:
            yield replace(box, high=min(box.high, hole.low))
        if hole.high < box.high:
            yield replace(box, low=max(box.low, hole.high))
        inside = replace(box, low=max(box.low, hole.low), high=min(box.high, hole.high))
        if inside.low >= inside.high:
            return
        if rest := inside.purposes & ~hole.purposes:
            yield replace(inside, purposes=rest)
        inside = replace(inside, purposes=inside.purposes & hole.purposes)
        if not inside.purposes:
            return
        # A resource is denied by any of its labels: one that keeps another of these stays denied.
        if rest := inside.labels & ~hole.labels:
            yield replace(inside, labels=rest)
        inside = replace(inside, labels=inside.labels & hole.labels)
        if inside.labels and hole.parties is not None:
            yield replace(inside, besides=inside.besides | hole.parties)


def _bound(denials: Sequence[Box], disclosures: Sequence[Box] = ()) -> None:
    """Raises RuleBroken where there are too many: each look at the resident's record would go through all of them."""
    if len(denials) + sum(len(box.parties or ANYBODY) for box in disclosures) > MOST:
        raise RuleBroken("access.consent-too-many", at="Consent.provision", most=MOST)


def _only_leaves_out(provision: Mapping[str, Any]) -> bool:
    """Whether an exception to a denial is that, and no permission: who is left out needs a reason as he did before."""
    return any(one.get("url") == LEAVES_OUT and one.get("valueBoolean") for one in provision.get("extension", ()))


def _is_named(name: str) -> bool:
    return name.partition("/")[0] in _NAMED and name.count("/") == 1


def _is_something(box: Box) -> bool:
    return box.low < box.high and box.purposes != 0


def _is_of_reading(provision: Mapping[str, Any], *, denies: bool) -> bool:
    """Whether its actions are of reading; a denial's are where nobody knows what they are."""
    actions = [_actions(one) for one in provision.get("action", ())]
    return not actions or any(one & _READING or (denies and not one & _NOT_READING) for one in actions)


def _actions(concept: Mapping[str, Any]) -> frozenset[str]:
    """Returns the actions that a concept is, none where we do not know it."""
    codings = concept.get("coding", ())
    return frozenset(str(coding.get("code")) for coding in codings if coding.get("system") in _ACTIONS)
