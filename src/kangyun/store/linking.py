"""The references of one transaction: what they lead to, and how they are written.

Full URLs of entries become the ids of what the entries write; searches (`Practitioner?identifier=…`) become the one
resource that they match, what the transaction itself writes included; own base URLs are left out. Then every local
target has a number: what has not come yet is given a name and one.

Source: https://hl7.org/fhir/R4/http.html#trules, https://hl7.org/fhir/R4/bundle.html#references
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy

import asyncpg

from kangyun.base.errors import Invalid, MultipleMatches, PlatformError, located
from kangyun.fhir import Resource
from kangyun.fhir.references import references
from kangyun.store.batch import SLICE
from kangyun.store.bundles import named_patients
from kangyun.store.ids import is_resident
from kangyun.store.index import Target
from kangyun.store.interactions import Operation, Plan
from kangyun.store.matching import Matching
from kangyun.store.reader import Name, Reader
from kangyun.store.references import is_conditional, is_unreadable, local_target, relative, rewrite_urns
from kangyun.store.segments import Numbers
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import Sight

# A transaction that one of these holds is carried out by somebody else, or not at all.
HOLD_OTHERS = frozenset({"Bundle", "Parameters"})


class Linker:
    """Links what one attempt of a transaction writes. `targets` and `new_names` are what it finds."""

    def __init__(self, plans: Sequence[Plan], bases: tuple[str, ...]) -> None:
        self._plans = plans
        self._bases = bases
        self._edits: list[tuple[Resource, str]] = []
        self.targets: dict[str, Target] = {}
        self.new_names: list[tuple[str, str, int]] = []

    def undo(self) -> None:
        """Puts back the references that were rewritten: the next attempt may give other ids."""
        for node, text in reversed(self._edits):
            node["reference"] = text

    async def rewrite(self, matching: Matching, connection: asyncpg.Connection, sight: Sight) -> None:
        """Rewrites full URLs, conditional references and own base URLs.

        Raises MultipleMatches for a conditional reference that does not match just one resource, Invalid or
        NotSupported for one that cannot be read, or stands outside of a transaction.
        """
        mapping = {
            plan.operation.full_url: f"{plan.operation.type}/{plan.id}"
            for plan in self._plans
            if plan.operation.full_url
        }
        mapping |= await self._conditional(matching, connection, sight)
        for count, plan in enumerate(self._plans):
            if count % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            root = _root(plan.operation.full_url)
            for link in plan.links:
                text = link["reference"]
                written = mapping.get(text) or _within(text, root, mapping) or relative(text, self._bases)
                if written != text:
                    self._edits.append((link, text))
                    link["reference"] = written
                    plan.rewritten += 1
        self._rewrite_urns({url: target for url, target in mapping.items() if url.startswith("urn:")})

    def _rewrite_urns(self, mapping: dict[str, str]) -> None:
        """Full URLs stand in other elements than References, too, if seldom: only where the text has one."""
        if not mapping:
            return
        for plan in self._plans:
            if plan.resource is None:
                continue
            text = plan.operation.text
            if text is None or _urns(text) > plan.rewritten:
                # A copy: should this attempt fail, the next one needs the full URLs as they were.
                plan.resource = deepcopy(plan.resource)
                rewrite_urns(plan.resource, mapping)

    async def _conditional(self, matching: Matching, connection: asyncpg.Connection, sight: Sight) -> dict[str, str]:
        """Returns what conditional references lead to. They are resolved last: in the record as it will be."""
        found: dict[str, str] = {}
        for plan in self._plans:
            for link in plan.links:
                text = link["reference"]
                if "?" not in text or text in found or plan.operation.type in HOLD_OTHERS:
                    continue
                search = relative(text, self._bases)
                if not is_conditional(search):
                    continue
                try:
                    found[text] = await self._found(matching, connection, search, sight, plan)
                except PlatformError as error:
                    place = f"{plan.operation.at}.resource" if plan.operation.at else plan.operation.type
                    raise type(error)(issues=tuple(located(issue, place) for issue in error.issues)) from None
        return found

    async def _found(
        self, matching: Matching, connection: asyncpg.Connection, search: str, sight: Sight, plan: Plan
    ) -> str:
        """Returns the one resource that a conditional reference of a plan matches."""
        type_, _, condition = search.partition("?")
        if type_ not in TYPE_NUMBERS:
            raise Invalid("store.conditional-type")
        if plan.operation.full_url is None:
            raise Invalid("store.conditional-outside")
        # What this transaction writes counts as it will be, or, deleted, not at all.
        written = {plan.id: plan.resource for plan in self._plans if plan.operation.type == type_ and plan.done is None}
        there = await matching.in_record(
            connection, type_, condition, 2 + len(written), sight=sight, named=plan.operation.named
        )
        ids = [id_ for id_ in there if id_ not in written]
        at_hand = {id_: resource for id_, resource in written.items() if resource is not None}
        if at_hand:
            ids += await matching.at_hand(connection, type_, condition, at_hand)
        if len(ids) != 1:
            raise MultipleMatches("store.conditional-reference", count=len(ids))
        return f"{type_}/{ids[0]}"

    async def resolve(self, reader: Reader, numbers: Numbers, connection: asyncpg.Connection) -> None:
        """Finds the `res` of every local target, giving a name and a number to those that have not come yet.

        Raises Invalid for what refers to a resident instead of a registration, or to a Patient in no form of FHIR's.
        """
        own = {f"{plan.operation.type}/{plan.id}": plan.res for plan in self._plans if plan.res}
        unknown: dict[Name, list[str]] = {}
        for plan in self._plans:
            links = plan.links
            if plan.old is not None and plan.current is not None and plan.current.stored is not None:
                links = links + references(plan.old, plan.current.stored.rest) + named_patients(plan.old, self._bases)
            for place, link in enumerate(links):
                text = link["reference"]
                if text in self.targets:
                    continue
                if text in own:
                    self.targets[text] = own[text]
                    continue
                target = local_target(text)
                if target is None:
                    if place < len(plan.links) and plan.operation.type not in HOLD_OTHERS:
                        _refuse_nowhere(plan.operation, text)
                    continue
                res = own.get(f"{target[0]}/{target[1]}") or reader.ids.res_of(target[1])
                if res is not None and is_resident(res):
                    # Whose registration it is about decides who may see it, under which key it is kept, who is told.
                    raise Invalid("store.about-resident", at=plan.operation.at)
                if res is not None:
                    self.targets[text] = res
                else:
                    unknown.setdefault(target, []).append(text)
        if not unknown:
            return
        known = await reader.names(connection, list(unknown))
        missing = [name for name in unknown if name not in known]
        if missing:
            fresh = await numbers.take(len(missing))
            for name, res in zip(missing, fresh, strict=True):
                known[name] = res
                self.new_names.append((*name, res))
        for name, texts in unknown.items():
            self.targets.update(dict.fromkeys(texts, known[name]))


def _refuse_nowhere(operation: Operation, text: str) -> None:
    """Raises Invalid for a reference that was meant to lead to somebody here, or in the transaction, and does not."""
    if is_unreadable(text):
        raise Invalid("store.reference-form", at=operation.at)
    if operation.full_url is not None and text.startswith("urn:uuid:"):
        # A name that a Bundle gives means nothing outside of it: what has it would be about nobody for ever.
        raise Invalid("store.reference-nowhere", at=operation.at)


def _urns(text: bytes) -> int:
    return text.count(b"urn:uuid:") + text.count(b"urn:oid:")


_RESTFUL = re.compile(r"(https?://.+/)[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")


def _root(full_url: str | None) -> str | None:
    """Returns the base URL within a RESTful full URL: relative references of its resource start there."""
    match = _RESTFUL.fullmatch(full_url) if full_url and full_url.startswith("http") else None
    return match[1] if match else None


def _within(text: str, root: str | None, mapping: Mapping[str, str]) -> str | None:
    """Finds the entry that a relative or a versioned reference means.

    Source: https://hl7.org/fhir/R4/bundle.html#references
    """
    plain = text.partition("/_history/")[0]
    return mapping.get(plain) or (mapping.get(root + plain) if root else None)
