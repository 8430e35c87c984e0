"""Registrations as an intake of ours leaves them: what a desk wrote where it had nothing to write is absent.

The simulated desks write fillers (`-`, 0, 不详), which matching is held against. What comes in by a feed has none any
more; the demonstration, which is loaded beside the feeds, has none either, and nobody reads 0 as his address.
"""

from kangyun.base.numbers.fillers import is_filler
from kangyun.simulate.bundle import Bundle, Resource

_WRITTEN = (("address", "text"), ("telecom", "value"))


def without_fillers(bundle: Bundle) -> Bundle:
    """Returns the bundle with no address and no telephone of a Patient that says nothing."""
    entries = [one | {"resource": _stated(one["resource"])} for one in bundle["entry"]]
    return bundle | {"entry": entries}


def _stated(resource: Resource) -> Resource:
    if resource["resourceType"] != "Patient":
        return resource
    kept = dict(resource)
    for element, part in _WRITTEN:
        said = [one for one in resource.get(element, ()) if _says_something(str(one.get(part, "")))]
        kept.pop(element, None)
        if said:
            kept[element] = said
    return kept


def _says_something(text: str) -> bool:
    """A zero may be a code elsewhere, but no address and no telephone."""
    return bool(text.strip("0")) and not is_filler(text)
