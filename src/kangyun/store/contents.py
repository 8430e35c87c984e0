"""Whose the content of documents is: a Binary says it by `securityContext`, and what refers to it says it for it.

What is about a patient names its content by a url (`Attachment.url`) or a Reference. The content is the same
patient's: a Binary of no patient that the writer's institution has written is given the patient as its
`securityContext`, in the same transaction, as a version under the patient's key; so consents, erasures and the trail
reach it as anything else. Refused is what names content that is not there, of somebody else, or of nobody and another
institution: content comes first, or in the same transaction. A Binary stays its patient's. It has the sensitive labels
of what names it (`ContentLabels`); they stay, but for what is lifted where it was set.

Who brings in a whole record does so in the order in which it comes: he may name content that is still to come, under
an id that is not the server's to give. It is noted (`holders`), is the patient's from then on, and has his key and the
labels when it comes; named for two patients it is refused as above. What comes in the very moment in which it is named
may miss both until what names it is written again.

Not looked at: what names content that is kept elsewhere, and what is about nobody.

Source: https://hl7.org/fhir/R4/binary.html#security-context, https://hl7.org/fhir/R4/datatypes.html#Attachment
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import asyncpg

from kangyun.base.errors import RuleBroken
from kangyun.fhir import Resource
from kangyun.fhir.json import encode
from kangyun.fhir.references import references
from kangyun.store import holders
from kangyun.store.batch import Change
from kangyun.store.bundles import entries_here
from kangyun.store.holders import TYPE, Awaited
from kangyun.store.index import Indexer, Target
from kangyun.store.interactions import Operation, Plan
from kangyun.store.labelling import Labelling
from kangyun.store.model import Envelope
from kangyun.store.reader import Current, Name, Reader
from kangyun.store.references import local_target, relative

_SIGN, _ESCAPED = b"Binary", b"\\u"


def named_contents(resource: Resource, bases: tuple[str, ...], text: bytes | None = None) -> list[Name]:
    """Returns the Binaries here that a valid resource names. text: its JSON as it stands, where it is at hand."""
    if resource["resourceType"] == TYPE:
        return []
    if text is None or _ESCAPED in text:
        text = encode(resource)  # Costs a third of a look at each element.
    if _SIGN not in text:
        return []
    whole = resource["resourceType"] != "Bundle"
    pending: list[Any] = [resource] if whole else [entry["resource"] for entry in entries_here(resource, bases)]
    found: dict[Name, None] = {}
    for node in pending:  # It grows meanwhile.
        for value in node.values() if type(node) is dict else node:
            if type(value) is dict or type(value) is list:
                pending.append(value)
            elif type(value) is str and "Binary/" in value:
                name = local_target(relative(value, bases))
                if name is not None and name[0] == TYPE:
                    found[name] = None
    return list(found)


class Contents:
    """Settles whose the contents are that one attempt of a transaction names or writes."""

    def __init__(
        self, plans: Sequence[Plan], targets: dict[str, Target], envelope: Envelope, indexer: Indexer,
        bases: tuple[str, ...],
    ) -> None:  # fmt: skip
        """targets: where the references lead; those to patients of contents are added."""
        self._plans = [plan for plan in plans if plan.done is None]
        self._targets = targets
        self._envelope = envelope
        self._indexer = indexer
        self._bases = bases
        # What is called by them may be content: it is looked for where they have become ids.
        self._full_urls = any(plan.operation.full_url for plan in plans)
        self._here = {plan.id: plan for plan in self._plans if plan.operation.type == TYPE}
        self._found: dict[Name, Current] = {}
        self._coming: dict[Name, int] = {}
        self._awaited: dict[int, Awaited] = {}
        self._added: dict[str, Plan] = {}

    async def settle(self, reader: Reader, connection: asyncpg.Connection) -> list[Plan]:
        """Says of each content whose it is; returns what is to be written besides. Raises RuleBroken."""
        for plan in self._here.values():
            self._keep(plan)
        await self._take_awaited(reader, connection)
        naming = [(plan, names) for plan in self._plans if plan.resource is not None and (names := self._names(plan))]
        wanted = {name for _, names in naming for name in names if name[1] not in self._here}
        if wanted:
            # Content need not be in scope for who writes what names it.
            sight = replace(self._envelope.sight, types=None, narrowed=())
            self._found = await reader.locate(connection, sorted(wanted), sight)
        if self._envelope.is_migration:
            self._coming = {name: res for name in wanted if (res := self._number(reader, name)) is not None}
            self._awaited |= await holders.awaited(connection, self._coming.values())
        for plan, names in naming:
            self._settle(plan, names)
        return list(self._added.values())

    def _names(self, plan: Plan) -> list[Name]:
        assert plan.resource is not None
        return named_contents(plan.resource, self._bases, None if self._full_urls else plan.text)

    def _keep(self, plan: Plan) -> None:
        """A Binary stays whose it is, whether its new version says so or not."""
        before = plan.current.patient if plan.current is not None else None
        if plan.resource is None or before is None:
            return
        if plan.old is not None and "securityContext" in plan.old and "securityContext" not in plan.resource:
            plan.resource = plan.resource | {"securityContext": plan.old["securityContext"]}
        if patient_of(plan.resource, self._targets) != before:
            raise RuleBroken("store.content-stays", at=plan.operation.at)

    def _settle(self, plan: Plan, names: Sequence[Name]) -> None:
        assert plan.resource is not None
        row = self._indexer.row(plan.resource, plan.res, self._targets)
        if not row.about:
            return
        before = named_contents(plan.old, self._bases) if plan.old is not None else []
        for name in names:
            res = self._given(name, row.patient) or self._expected(name, row.patient)
            if res is not None:
                plan.contents.add(res)
            elif self._is_there(name) or name not in before:
                raise RuleBroken("store.content-whose", at=plan.operation.at)

    def _given(self, name: Name, patient: int | None) -> int | None:
        """Returns the `res` of a content that is the patient's now, None where it cannot be."""
        if patient is None:
            return None
        plan = self._here.get(name[1]) or self._added.get(name[1])
        if plan is None:
            current = self._found.get(name)
            if current is None or current.stored is None or current.stored.deleted:
                return None
            if current.patient is not None:
                return current.res if current.patient == patient else None
            if not (self._envelope.writes_all or current.institution == self._envelope.institution):
                return None
            plan = self._added[name[1]] = _again(name, current)
        if plan.resource is None:
            return None
        if patient_of(plan.resource, self._targets) is None:
            plan.resource = plan.resource | {"securityContext": {"reference": self._text(patient)}}
        return plan.res if patient_of(plan.resource, self._targets) == patient else None

    def _is_there(self, name: Name) -> bool:
        current = self._found.get(name)
        return name[1] in self._here or (
            current is not None and current.stored is not None and not current.stored.deleted
        )

    def _number(self, reader: Reader, name: Name) -> int | None:
        """Returns the `res` under which a content may still come, None where it has, or its id is ours to give."""
        current, res = self._found.get(name), self._targets.get("/".join(name))
        was_there = current is not None and (current.stored is not None or current.erased)
        is_free = not was_there and reader.ids.res_of(name[1]) is None
        return res if is_free and isinstance(res, int) else None

    def _expected(self, name: Name, patient: int | None) -> int | None:
        """Returns the `res` of a content that is still to come and is the patient's then, None where it cannot be."""
        res = self._coming.get(name)
        if res is None or patient is None:
            return None
        return res if self._awaited.setdefault(res, Awaited(patient)).patient == patient else None

    async def _take_awaited(self, reader: Reader, connection: asyncpg.Connection) -> None:
        """Gives Binaries that were named before they came to whom they were named for."""
        come = {plan.res: plan for plan in self._here.values() if plan.current is not None and plan.old is None}
        for res, one in (await holders.awaited(connection, come)).items():
            plan, text = come[res], await self._text_in(reader, connection, one)
            if plan.resource is None or text is None:
                continue
            self._targets[text] = one.patient
            plan.resource = {"securityContext": {"reference": text}} | plan.resource
            if patient_of(plan.resource, self._targets) != one.patient:
                raise RuleBroken("store.content-whose", at=plan.operation.at)

    async def _text_in(self, reader: Reader, connection: asyncpg.Connection, one: Awaited) -> str | None:
        """Returns the reference to a Patient, who may be still to come, in what is about him."""
        holder = await reader.of_number(connection, one.holder)
        links = references(holder.resource, holder.rest) if holder is not None else []
        named = {name for link in links if (name := local_target(relative(link["reference"], self._bases)))}
        chosen = await reader.names(connection, list(named))
        found = (name for name in named if one.patient in (chosen.get(name), reader.ids.res_of(name[1])))
        return next(("/".join(name) for name in found), None)

    def _text(self, patient: int) -> str:
        """Returns a reference to a Patient, which is here or is referred to."""
        ids = [plan.id for plan in self._plans if plan.res == patient]
        for text, target in self._targets.items():
            name = local_target(text) if target == patient else None
            ids += [name[1]] if name is not None else []
        text = f"Patient/{ids[0]}"
        self._targets[text] = patient
        return text


def patient_of(binary: Resource, targets: Mapping[str, Target]) -> int | None:
    """Returns the patient whom a Binary names by its context."""
    text = binary.get("securityContext", {}).get("reference")
    target = targets.get(text) if text is not None and "Patient/" in text else None
    return target if isinstance(target, int) else None


def _again(name: Name, current: Current) -> Plan:
    """Returns the plan of a further version of a content."""
    assert current.stored is not None
    old = current.stored.resource
    about = {"current": current, "res": current.res, "id": name[1], "chosen": current.chosen}
    return Plan(Operation("update", TYPE, name[1]), -1, resource=old, old=old, **about)  # type: ignore[arg-type]


class ContentLabels:
    """Gives contents the sensitive labels of what names them. One for a process."""

    def __init__(self, labelling: Labelling, bases: tuple[str, ...]) -> None:
        self._labelling = labelling
        self._bases = bases

    def wants(self, operation: Operation) -> bool:
        """Whether it may name content."""
        if operation.resource is None:
            return operation.patch is not None and operation.type != TYPE
        text = operation.text
        if text is not None and b"urn:" in text and operation.full_url is not None:
            return True
        return bool(named_contents(operation.resource, self._bases, text))

    async def follow(self, connection: asyncpg.Connection, changes: Sequence[Change], envelope: Envelope) -> None:
        """Notes what the changes name, and labels it."""
        held = [(content, change.res) for change in changes for content in change.contents]
        if held:
            await holders.note(connection, held)
            await holders.carry(connection, {holder for _, holder in held}, self._labelling)
