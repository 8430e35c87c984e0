"""Which security labels a resource has: by its type, and by every coded element and every text that names something.

The rules are given (`Labelling`, as `access.labels` reads them); this is the one place that says where they look:
at each `code` with its `system` (a Coding, a Quantity), at each `display` (of a Coding, with a code or without, and of
a Reference), and at the text of a CodeableConcept, wherever they stand: in extensions, in what is contained, in the
entries of a Bundle. And at the elements of plain text that the rules name by type (`titles`). Not at elements that are
a bare code, whose values are FHIR's own (a status, a category `food`) or the name of a definition; nor at the labels of
which the provisions of a Consent speak.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from kangyun.fhir import Resource

SEVERAL = 1 << 62
"""No label of the rules: the resource is about several residents at once, none of whose consents binds it."""
_CONCEPT = frozenset({"text", "_text", "coding", "id", "extension"})


class Labelling(Protocol):
    """Labels (bits) by type, by a code, and by a text.

    parameters: the search parameters by whose terms resources are labelled anew when the rules change.
    sticky: what stays although the newest version would not have it. lifted: what does not, though it is sensitive.
    texts: whose words bring a label. titles: by type, the paths of elements whose plain text is looked at.
    """

    @property
    def titles(self) -> Mapping[str, Sequence[tuple[str, ...]]]: ...
    def of_title(self, text: str) -> int: ...

    @property
    def texts(self) -> Sequence[str]: ...

    @property
    def parameters(self) -> frozenset[str]: ...
    @property
    def sticky(self) -> int: ...
    @property
    def lifted(self) -> int: ...
    def of_type(self, type_: str) -> int: ...
    @property
    def of_code(self) -> Callable[[str | None, str | None], int]: ...
    @property
    def of_text(self) -> Callable[[str], int]: ...


class OneLabel:
    """No rules: every resource has the same label."""

    parameters: frozenset[str] = frozenset()
    sticky = 0
    lifted = 0
    texts: tuple[str, ...] = ()
    titles: Mapping[str, Sequence[tuple[str, ...]]] = {}

    def of_type(self, type_: str) -> int:
        return 1

    def of_title(self, text: str) -> int:
        return 0

    def of_code(self, system: str | None, code: str | None) -> int:
        return 0

    def of_text(self, text: str) -> int:
        return 0


def labels_of(resource: Resource, labelling: Labelling) -> int:
    """Returns the labels of a valid resource."""
    found = labelling.of_type(resource["resourceType"])
    of_code, of_text = labelling.of_code, labelling.of_text
    if "provision" in resource:
        resource = {**resource, "provision": _without_labels(resource["provision"])}
    pending: list[dict[str, Any]] = [resource]
    for node in pending:  # It grows meanwhile.
        for value in node.values():
            kind = type(value)
            if kind is dict:
                pending.append(value)
            elif kind is list:
                for one in value:
                    if type(one) is dict:
                        pending.append(one)
        if "code" in node and type(code := node["code"]) is str and "resourceType" not in node:
            found |= of_code(node.get("system"), code)
        if "display" in node and type(display := node["display"]) is str and not _is_of_patient(node):
            found |= of_text(display)
        if "resourceType" in node:
            for path in labelling.titles.get(node["resourceType"], ()):
                for title in _at(node, path):
                    found |= labelling.of_title(title)
        if "text" in node and type(text := node["text"]) is str and node.keys() <= _CONCEPT:
            found |= of_text(text)
    return found


def _at(node: Any, path: Sequence[str]) -> Iterator[str]:
    """Yields the texts at a path, of each of what is repeated."""
    for one in node if type(node) is list else (node,):
        if not path:
            if type(one) is str:
                yield one
        elif type(one) is dict and path[0] in one:
            yield from _at(one[path[0]], path[1:])


def _without_labels(provision: Any) -> Any:
    """Returns a provision without the labels that it speaks of, which are not the Consent's own, at each depth."""
    if type(provision) is list:
        return [_without_labels(one) for one in provision]
    if type(provision) is not dict:
        return provision
    kept = {name: value for name, value in provision.items() if name != "securityLabel"}
    return kept | {"provision": _without_labels(kept["provision"])} if "provision" in kept else kept


def _is_of_patient(node: Resource) -> bool:
    """A name of a patient names no diagnosis, and is not kept in mind with the displays that are met again."""
    reference = node.get("reference")
    return type(reference) is str and reference.startswith("Patient/")
