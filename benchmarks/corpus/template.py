"""One patient as a template: literal bytes with slots, so that a copy is one join.

What differs between copies are slots: ids and UUIDs, DICOM UIDs, dates (moved by whole days), the patient's names,
identifiers and phones, and a tag on observations that marks an era of the corpus. Everything else, above all codes
and values, is the original's, so that distributions stay real. Notes inside attachments keep the original's name.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from benchmarks.corpus.institutions import Institutions
from benchmarks.corpus.resource_json import encode

ERA_SYSTEM = "urn:kangyun:benchmark:era"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?=T|$)")
_OID = re.compile(r"(urn:oid:)?[012](\.\d+){5,}")
# Marks of slots in the marked-up JSON: characters of the private use area, which the base does not contain.
_TEXT_SLOT = "\ue000{}\ue001"
_RAW_SLOT = "\ue002{}\ue003"
_SPLIT = re.compile('(?:"\ue002|\ue000)(\\d+)(?:\ue001|\ue003")'.encode())


@dataclass(frozen=True, slots=True)
class Copy:
    """What one copy gets: new names, days to move dates by, and the era its observations are tagged with."""

    number: int
    days: int
    family: str
    given: str
    era: str | None


Filler = Callable[[Copy, Random], bytes]


class Segments:
    """Literals and slots in turn; `fill` joins them with the values of the slots."""

    def __init__(self, marked: bytes) -> None:
        pieces = _SPLIT.split(marked)
        self._literals = pieces[::2]
        self._slots = [int(slot) for slot in pieces[1::2]]
        self._width = len(pieces)

    def fill(self, values: list[bytes]) -> bytes:
        """Returns the bytes with every slot replaced."""
        pieces: list[bytes] = [b""] * self._width
        pieces[::2] = self._literals
        pieces[1::2] = map(values.__getitem__, self._slots)
        return b"".join(pieces)


class Template:
    """One base patient, ready to be copied."""

    def __init__(self, entries: list[dict[str, Any]], institutions: Institutions) -> None:
        self._fillers: list[Filler] = []
        self._slots: dict[tuple[str, str], int] = {}
        self._institutions = institutions
        self._types = {e["resource"]["id"]: e["resource"]["resourceType"] for e in entries}
        self._patient = next(e["resource"] for e in entries if e["resource"]["resourceType"] == "Patient")
        self._original = (self._patient["name"][0]["family"], self._patient["name"][0]["given"][0])
        self._names = self._name_slots()
        self.gender: str = self._patient["gender"]
        self.count = len(entries)
        self.counts = Counter(self._types.values())
        observations = (e["resource"] for e in entries if e["resource"]["resourceType"] == "Observation")
        self.codes = Counter(observation["code"]["coding"][0]["code"] for observation in observations)
        marked = [self._marked_entry(entry) for entry in entries]
        self._bundle = Segments(encode({"resourceType": "Bundle", "type": "transaction", "entry": marked}))
        self._by_type = {
            kind: Segments(
                b"".join(
                    encode(self._mark(e["resource"], "", bundled=False)) + b"\n"
                    for e in entries
                    if e["resource"]["resourceType"] == kind
                )
            )
            for kind in self.counts
        }

    @property
    def original(self) -> tuple[str, str]:
        """Family and given name of the base patient."""
        return self._original

    def values(self, copy: Copy, rng: Random) -> list[bytes]:
        """Returns the values of all slots for one copy."""
        return [filler(copy, rng) for filler in self._fillers]

    def bundle(self, values: list[bytes]) -> bytes:
        """Returns the copy as a transaction bundle."""
        return self._bundle.fill(values)

    def lines(self, values: list[bytes]) -> dict[str, bytes]:
        """Returns the copy as NDJSON lines by resource type."""
        return {kind: segments.fill(values) for kind, segments in self._by_type.items()}

    # marking up

    def _marked_entry(self, entry: dict[str, Any]) -> dict[str, Any]:
        resource = entry["resource"]
        return {
            "fullUrl": f"urn:uuid:{self._uuid(resource['id'])}",
            "resource": self._mark(resource, "", bundled=True),
            "request": {"method": "POST", "url": resource["resourceType"]},
        }

    def _mark(self, node: Any, key: str, *, bundled: bool, parent: str = "") -> Any:
        if isinstance(node, dict):
            if key == "" and node.get("resourceType") == "Observation" and "meta" in node:
                node = node | {"meta": self._meta(node["meta"])}
            return {k: self._mark(v, k, bundled=bundled, parent=key) for k, v in node.items()}
        if isinstance(node, list):
            return [self._mark(value, key, bundled=bundled, parent=parent) for value in node]
        if isinstance(node, str):
            return self._text(node, key, parent, bundled=bundled)
        return node

    def _text(self, text: str, key: str, parent: str, *, bundled: bool) -> str:
        if key == "reference" and text.startswith("urn:uuid:"):
            return self._reference(text.removeprefix("urn:uuid:"), bundled=bundled)
        if _UUID.fullmatch(text):
            return self._uuid(text)
        if key in ("uid", "value") and _OID.fullmatch(text):
            return text + self._slot("oid", "", lambda copy, rng: b".%d" % copy.number)
        if match := _DATE.match(text):
            return self._date(match.group()) + text[match.end() :]
        if text in self._names:
            return self._names[text]
        if key == "value" and parent in ("identifier", "telecom") and self._belongs_to_patient(text):
            return self._slot("digits", text, _digits(text))
        return text

    def _belongs_to_patient(self, text: str) -> bool:
        mine = [*self._patient.get("identifier", []), *self._patient.get("telecom", [])]
        return any(element.get("value") == text for element in mine)

    def _reference(self, identity: str, *, bundled: bool) -> str:
        if identity in self._institutions:
            return self._institutions.conditional(identity) if bundled else self._institutions.relative(identity)
        prefix = "urn:uuid:" if bundled else f"{self._types[identity]}/"
        return prefix + self._uuid(identity)

    def _slot(self, kind: str, original: str, filler: Filler, form: str = _TEXT_SLOT) -> str:
        if (kind, original) not in self._slots:
            self._slots[kind, original] = len(self._fillers)
            self._fillers.append(filler)
        return form.format(self._slots[kind, original])

    def _uuid(self, original: str) -> str:
        return self._slot("uuid", original, _new_uuid)

    def _date(self, original: str) -> str:
        ordinal = date.fromisoformat(original).toordinal()

        def moved(copy: Copy, rng: Random) -> bytes:
            return date.fromordinal(ordinal - copy.days).isoformat().encode()

        return self._slot("date", original, moved)

    def _name_slots(self) -> dict[str, str]:
        family, given = self._original
        family_slot = self._slot("family", "", lambda copy, rng: copy.family.encode())
        given_slot = self._slot("given", "", lambda copy, rng: copy.given.encode())
        return {family: family_slot, given: given_slot, f"{given} {family}": f"{given_slot} {family_slot}"}

    def _meta(self, meta: dict[str, Any]) -> str:
        """Makes `meta` a raw slot: the original, or the original with the tag of an era."""
        plain = encode(meta)

        def tagged(copy: Copy, rng: Random) -> bytes:
            if copy.era is None:
                return plain
            return encode(meta | {"tag": [*meta.get("tag", []), {"system": ERA_SYSTEM, "code": copy.era}]})

        return self._slot("meta", plain.decode(), tagged, _RAW_SLOT)


def _new_uuid(copy: Copy, rng: Random) -> bytes:
    digits = b"%032x" % rng.getrandbits(128)
    return b"%b-%b-4%b-a%b-%b" % (digits[:8], digits[8:12], digits[13:16], digits[17:20], digits[20:])


def _digits(original: str) -> Filler:
    """Replaces every digit; letters and punctuation stay, so that the number keeps its form."""
    form = re.sub(r"\d", "{}", original.replace("{", "").replace("}", ""))
    places = form.count("{}")

    def drawn(copy: Copy, rng: Random) -> bytes:
        return form.format(*f"{rng.randrange(10**places):0{places}d}").encode() if places else form.encode()

    return drawn
