"""The open elements of a document that is being read, and the JSON object that they fill."""

from dataclasses import dataclass

from kangyun.fhir import Resource
from kangyun.fhir.xml.plans import Member, Plan


@dataclass(slots=True, eq=False)
class Frame:
    """An open element.

    parent:  None for the document itself.
    member:  what the element is to its parent; None for a resource and for the document.
    plan:    the children it may have; None where the only child is a resource.
    node:    the object that it fills; for a primitive its `_name`.
    depth:   objects and arrays around the children of `node` in JSON.
    valued:  whether a primitive has its value, or the place of a resource its resource.
    uneven:  arrays of primitives of which some items have an id or extensions.
    """

    parent: "Frame | None"
    member: Member | None
    plan: Plan | None
    node: Resource
    depth: int
    valued: bool = False
    uneven: list[Member] | None = None

    def note_sibling(self, member: Member, sibling: Resource) -> None:
        """Stores the `_name` of the item of `member` that was read last."""
        if not member.is_array:
            self.node[member.sibling] = sibling
            return
        if self.uneven is None:
            self.uneven = []
        if member not in self.uneven:
            self.uneven.append(member)
        siblings = self.node.setdefault(member.sibling, [])
        siblings.extend([None] * (len(self.node[member.name]) - 1 - len(siblings)))
        siblings.append(sibling)

    def even_out(self) -> None:
        """Gives each array of `_name` the length of its array of values, and drops values that are all missing."""
        for member in self.uneven or ():
            values, siblings = self.node[member.name], self.node[member.sibling]
            siblings.extend([None] * (len(values) - len(siblings)))
            if all(value is None for value in values):
                del self.node[member.name]

    def location(self) -> str:
        """Returns the FHIRPath of this element."""
        parts: list[str] = []
        frame: Frame | None = self
        while frame is not None and frame.parent is not None:
            if frame.member is not None:
                count = len(frame.parent.node[frame.member.name]) - 1 if frame.member.is_array else None
                parts.append(frame.member.name if count is None else f"{frame.member.name}[{count}]")
            elif frame.parent.parent is None:
                parts.append(frame.node["resourceType"])
            frame = frame.parent
        return ".".join(reversed(parts))
