"""What `_list` means: the resources that Lists have as entries.

They are read from the Lists themselves: the index knows of an entry, and not whether it is marked as deleted.

Source: https://hl7.org/fhir/R4/search.html#list, https://hl7.org/fhir/R4/list-definitions.html#List.entry.deleted
"""

from collections.abc import Iterable

from kangyun.base.errors import Invalid
from kangyun.store.reader import Name
from kangyun.store.references import local_target, relative
from kangyun.store.search.values import Values


async def listed(values: Values, texts: Iterable[str]) -> list[int]:
    """Returns the `res` of what Lists hold now. Raises Invalid for a text that names no List of this server."""
    lists = [_list(relative(text, values.bases)) for text in texts]
    found = await values.reader.locate(values.connection, lists, values.sight)
    items = [
        local_target(entry["item"].get("reference", ""))
        for current in found.values()
        if current.stored is not None and not current.stored.deleted
        for entry in current.stored.resource.get("entry", ())
        if not entry.get("deleted")
    ]
    return await values.targets([item for item in items if item is not None])


def _list(text: str) -> Name:
    target = local_target(text if "/" in text else f"List/{text}")
    if target is None or target[0] != "List" or "/_history/" in text:
        raise Invalid("fhir.search.value", parameter="_list")
    return target
