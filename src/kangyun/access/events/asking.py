"""Conditions on audit rows, from a search for AuditEvents. What the trail cannot be asked by is refused by name.

Source: https://hl7.org/fhir/R4/auditevent.html#search
"""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from kangyun.access.events.rows import told
from kangyun.access.events.words import (
    ACTIONS,
    DICOM,
    EXTERNAL,
    KINDS,
    OTHER,
    REST,
    SIGN_IN,
    SIGN_OUT,
    STATUS_OF,
    TYPES,
    outcome_of,
)  # fmt: skip
from kangyun.base.errors import NotSupported
from kangyun.fhir.search.query import Query
from kangyun.fhir.search.terms import Interval, Target, Token, Value
from kangyun.fhir.search.tree import Column, Node, Not, Test
from kangyun.store.references import relative
from kangyun.store.store import Store
from kangyun.store.visible import EVERYTHING, Sight

PARAMETERS = (
    "date", "agent", "agent-name", "agent-role", "action", "outcome", "patient", "entity", "type", "subtype", "source",
    "address",
)  # fmt: skip
"""What the trail can be asked by, besides `_id` and `_lastUpdated`."""
MOST_NAMED = 200
"""Practitioners that a name may stand for."""
NEVER = "FALSE"
_OF_TYPE = {"rest": "a.action <> ALL ({})", "110114": "a.action = ANY ({})"}
_OF_ALL, _OF_ONE = "'^[A-Z]+ /([?]|_search|$)'", "'/\\[id\\]/'"
_BOUNDS = {
    "gt": (">=", "high"), "sa": (">=", "high"), "lt": ("<", "low"), "eb": ("<", "low"), "ge": (">=", "low"),
    "le": ("<", "high"),
}  # fmt: skip
_LARGEST_ID = (1 << 63) - 1


class Conditions:
    """The condition of one search, as it is put together, for `seen` to fill with what the asker sees.

    own: the Patients whose rows may be shown, None for all.
    """

    def __init__(self, connection: asyncpg.Connection, store: Store, own: frozenset[int] | None, sight: Sight) -> None:
        self._connection = connection
        self._store = store
        self._own = own
        self._sight = sight if own is not None else EVERYTHING
        self.arguments: list[Any] = []
        self.parts: list[str] = []
        self.by_patient = False
        self.asked_for: set[int] = set()

    def place(self, value: Any) -> str:
        """Returns the place of an argument."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    async def read(self, query: Query) -> None:
        """Takes in a search. Raises NotSupported for what the trail cannot be asked by."""
        if self._own is not None:
            own = self._place_of(sorted(self._own))
            self.parts += [self._of_patients(own), told(own)]
        if query.includes:
            raise NotSupported("access.events.parameter", parameter="_include")
        for node in query.node.nodes:
            self.parts.append(await self._node(node))

    async def _node(self, node: Node) -> str:
        if isinstance(node, Not):
            return f"NOT ({await self._node(node.node)})"
        if isinstance(node, Column) and node.name in ("_id", "_lastUpdated"):
            make = self._id if node.name == "_id" else self._instant
            return await self._any(make, node.values)
        if isinstance(node, Test) and node.parameter.code in PARAMETERS:
            negated = node.modifier == "not"
            if node.modifier is None or negated:
                made = await self._any(_MAKERS[node.parameter.code].__get__(self), node.values)
                return f"NOT ({made})" if negated else made
            raise NotSupported("fhir.search.modifier", parameter=node.parameter.name, modifier=node.modifier)
        name = node.parameter.name if isinstance(node, Test) else getattr(node, "name", "_has, _filter, …")
        raise NotSupported("access.events.parameter", parameter=str(name))

    async def _any(self, make: Callable[[Any], Awaitable[str]], values: tuple[Value, ...]) -> str:
        return "(" + " OR ".join([await make(value) for value in values]) + ")"

    async def _id(self, value: str) -> str:
        known = value.isascii() and value.isdecimal() and len(value) < 20 and int(value) <= _LARGEST_ID
        return f"a.id = {self.place(int(value))}::int8" if known else NEVER

    async def _instant(self, value: Interval) -> str:
        if value.prefix in _BOUNDS:
            compared, end = _BOUNDS[value.prefix]
            return f"a.instant {compared} {self.place(value.low if end == 'low' else value.high)}::timestamptz"
        low, high = self.place(value.low), self.place(value.high)
        within = f"(a.instant >= {low}::timestamptz AND a.instant < {high}::timestamptz)"
        return f"NOT {within}" if value.prefix == "ne" else within

    async def _action(self, value: Token) -> str:
        known = [action for action, kind in KINDS.items() if kind.letter == value.code]
        made = f"a.action = ANY ({self.place(known)}::text[])"
        return f"({made} OR {self._of_no_kind()})" if value.code == OTHER.letter else made

    def _of_no_kind(self) -> str:
        return f"a.action <> ALL ({self.place(list(KINDS))}::text[])"

    async def _subtype(self, value: Token) -> str:
        code = {"search-system": "search-type", "history-instance": "history-type"}.get(value.code or "", value.code)
        if value.system == ACTIONS:
            return (
                f"a.action = {self.place(value.code or '')}::text AND {self._of_no_kind()}"
                if self._own is None
                else NEVER
            )
        known = [action for action, kind in KINDS.items() if kind.subtype == code]
        if value.system not in (None, "", REST, DICOM):
            return NEVER
        made = f"a.action = ANY ({self.place(known)}::text[])"
        if value.code == OTHER.subtype:
            return f"({made} OR {self._of_no_kind()})"
        # The type of a search is `[base]/Type`, all of it `[base]?…`; the history of one resource is behind its id.
        narrower = {
            "search-system": f"a.shape ~ {_OF_ALL}", "search-type": f"a.shape !~ {_OF_ALL}",
            "history-instance": f"a.shape ~ {_OF_ONE}", "history-type": f"a.shape !~ {_OF_ONE}",
        }.get(value.code or "")  # fmt: skip
        return f"({made} AND {narrower})" if narrower else made

    async def _type(self, value: Token) -> str:
        usual = {None: ("rest", "110114"), "": ("rest", "110114"), TYPES: ("rest",), DICOM: ("110114",)}
        if value.code not in usual.get(value.system, ()):
            return NEVER
        return _OF_TYPE[value.code].format(f"{self.place([SIGN_IN, SIGN_OUT])}::text[]")

    async def _outcome(self, value: Token) -> str:
        if value.code not in STATUS_OF:
            return NEVER
        low = STATUS_OF[value.code] if value.code in ("4", "8") else 0
        if outcome_of(low) != value.code:
            return NEVER  # 12, a major failure of the platform: there was nobody to write it down.
        high = {"0": 400, "4": 500}.get(value.code, 1000)
        return f"a.outcome >= {self.place(low)}::int2 AND a.outcome < {self.place(high)}::int2"

    async def _agent(self, value: Target | Token) -> str:
        if isinstance(value, Token) or value.id is None:
            return NEVER
        if value.type is None:
            return f"split_part(a.actor, '/', 2) = {self.place(value.id)}::text"
        name = self.place(f"{value.type}/{value.id}")
        made = f"(a.actor = {name}::text OR a.client = {name}::text"
        if value.type != "Organization":
            return f"{made})"
        return f"{made} OR a.institution = (SELECT o.id FROM institution AS o WHERE o.reference = {name}::text))"

    async def _agent_name(self, value: str) -> str:
        query = await self._store.read_query("Practitioner", [("name", value), ("_count", str(MOST_NAMED))])
        page = await self._store.searcher.search(self._connection, query, "", EVERYTHING)
        found = [f"Practitioner/{one.id}" for one in page.matches]
        return f"a.actor = ANY ({self.place(found)}::text[])"

    async def _agent_role(self, value: Token) -> str:
        return f"a.role = {self.place(value.code or '')}::text"

    async def _address(self, value: str) -> str:
        return f"starts_with(a.source, {self.place(value)}::text)" if self._own is None else NEVER

    async def _source(self, value: Target | Token) -> str:
        """Only what happened elsewhere has an observer of its own: who told of it."""
        if isinstance(value, Token) or value.id is None:
            return NEVER
        name = f"{value.type}/{value.id}" if value.type else value.id
        return f"(a.origin = {self.place(EXTERNAL)}::text AND a.client = {self.place(name)}::text)"

    async def _patient(self, value: Target | Token) -> str:
        target = self._named(value, "Patient")
        if target is None or target[0] != "Patient":
            return NEVER
        return await self._entity_of(target)

    async def _entity(self, value: Target | Token) -> str:
        target = self._named(value, None)
        return NEVER if target is None else await self._entity_of(target)

    async def _entity_of(self, target: tuple[str, str]) -> str:
        current = (await self._store.reader.locate(self._connection, [target], self._sight)).get(target)
        patient = None if current is None else current.res if target[0] == "Patient" else current.patient
        # To a resident, of the Patients in a row only his own are there.
        if current is None or (self._own is not None and patient not in self._own):
            return NEVER
        if patient is not None:
            self.asked_for.add(patient)
        if target[0] == "Patient":
            return self._of_patients(self._place_of([current.res]))
        number = self.place(current.res)
        writing = f"a.commit IN (SELECT v.commit FROM version AS v WHERE v.res = {number}::int8)"
        made = f"(a.about = {number}::int8 OR {writing})"
        return made if patient is None else f"({self._of_patients(self._place_of([patient]))} AND {made})"

    def _named(self, value: Target | Token, usual: str | None) -> tuple[str, str] | None:
        if isinstance(value, Token):
            return None
        type_, id_ = value.type or usual, value.id
        if value.url is not None:
            type_, _, id_ = relative(value.url, self._store.bases).partition("/")
        return (type_, id_) if type_ and id_ and "/" not in id_ and ":" not in type_ else None

    def _place_of(self, patients: list[int]) -> str:
        return f"{self.place(patients)}::int8[]"

    def _of_patients(self, place: str) -> str:
        self.by_patient = True
        return f"(a.patients && {place} AND a.patients <> '{{}}')"


_MAKERS: dict[str, Any] = {
    "date": Conditions._instant,
    "agent": Conditions._agent,
    "agent-name": Conditions._agent_name,
    "agent-role": Conditions._agent_role,
    "action": Conditions._action,
    "outcome": Conditions._outcome,
    "patient": Conditions._patient,
    "entity": Conditions._entity,
    "type": Conditions._type,
    "subtype": Conditions._subtype,
    "source": Conditions._source,
    "address": Conditions._address,
}
