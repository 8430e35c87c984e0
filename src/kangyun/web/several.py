"""A search over several types, read: one query a type, all of which ask the same.

A parameter, or a way of sorting, that one of the types does not have is unknown to all of them.

Source: https://hl7.org/fhir/R4/http.html#search
"""

from collections.abc import Sequence

from kangyun.access.record import Record
from kangyun.base.errors import Invalid, Issue, NotSupported
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.query import Query

# It has the parameters that all types have, and no other.
_PLAINEST = "Binary"


async def read_queries(
    record: Record, pairs: Sequence[tuple[str, str]], within: Sequence[str] | None, *, strict: bool
) -> list[Query]:
    """Reads a search of the types that `_type` names, of `within`, or of all. Raises as `Record.read_query`."""
    types = _types(pairs, within)
    asked = [pair for pair in pairs if pair[0] != "_type"]
    probed = types if types is not None else [_PLAINEST]
    known, ignored = asked, list[Issue]()
    for type_ in probed:
        query = await record.read_query(type_, known, strict=strict)
        ignored += query.ignored
        if len(probed) > 1 or types is None:
            _refuse_own_sorts(query, type_, strict, ignored)
        known = [pair for pair in known if pair in query.shown or pair[0] == "_cursor"]
    queries = [await record.read_query(type_, known) for type_ in types or sorted(definitions().resource_types)]
    shown = [pair for pair in pairs if pair[0] == "_type"] + [pair for pair in known if pair[0] != "_cursor"]
    for query in queries:
        query.shown, query.ignored = shown, ignored
    return queries


def _types(pairs: Sequence[tuple[str, str]], within: Sequence[str] | None) -> list[str] | None:
    named = [name for key, text in pairs if key == "_type" for name in text.split(",") if name]
    for name in named:
        if name not in definitions().resource_types:
            raise Invalid("web.no-such-type", type=name[:64])
    if not named:
        return list(within) if within is not None else None
    chosen = [name for name in dict.fromkeys(named) if within is None or name in within]
    if not chosen:
        raise Invalid("fhir.search.value", parameter="_type")
    return chosen


def _refuse_own_sorts(query: Query, type_: str, strict: bool, ignored: list[Issue]) -> None:
    """A parameter of one type orders nothing among others."""
    for sort in query.sort:
        if sort.parameter is not None:
            if strict:
                raise NotSupported("fhir.search.sort", parameter=sort.code)
            ignored.append(Issue("warning", "not-supported", "fhir.search.sort", None, {"parameter": sort.code}))
            query.shown = [pair for pair in query.shown if pair[0] != "_sort"]
