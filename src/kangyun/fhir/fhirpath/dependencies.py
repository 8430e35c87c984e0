"""Which members of its focus an expression reads: the ones without which it need not be evaluated again.

Source: none; this is about our own compiler.
"""

from functools import lru_cache

from kangyun.fhir.fhirpath.parser import parse
from kangyun.fhir.fhirpath.syntax import Call, External, Literal, Member, Node, Special, TypeTest, children
from kangyun.fhir.fhirpath.types import exists


@lru_cache(maxsize=4096)
def dependencies(expression: str) -> frozenset[str] | None:
    """Returns the names of the members that an expression reads of its focus; None where it may read any of them.

    The names are those of FHIRPath: "value" for valueQuantity; a primitive's `_name` counts as its name.
    `%resource`, `%rootResource`, `%context` and `$this` itself count as reading anything. An expression that reads
    no member has one value for all focuses.
    """
    found: set[str] = set()
    return frozenset(found) if _collect(parse(expression), found) else None


def _collect(node: Node, found: set[str]) -> bool:
    """Adds the members that a node reads of the focus; False where it may read anything."""
    match node:
        case Member(focus=None, name=name):
            if name[0].isupper() and exists(name):
                return False
            found.add(name)
            return True
        case Member(focus=Member(focus=None, name=type_name), name=name) if type_name[0].isupper() and exists(
            type_name
        ):
            found.add(name)
            return True
        case Call(focus=None, name="extension" | "hasExtension", arguments=arguments):
            found.add("extension")
            return all(_collect(argument, found) for argument in arguments)
        case Call(focus=None, name="iif" | "trace", arguments=arguments):
            return all(_collect(argument, found) for argument in arguments)
        case Call(focus=None, name="now" | "today" | "timeOfDay"):
            return True
        case Call(focus=None):
            return False
        case Call(focus=focus, name=name, arguments=arguments):
            # Inside of where() and the like names are those of another focus; to take them for this one is harmless.
            assert focus is not None
            return _collect(focus, found) and all(_in_body(argument, name, found) for argument in arguments)
        case Special(name="this") | External(name="resource" | "rootResource" | "context"):
            return False
        case Literal() | Special() | External():
            return True
        case TypeTest():
            return _collect(node.operand, found)
        case _:
            return all(_collect(child, found) for child in children(node))


_LAMBDAS = frozenset({"where", "select", "all", "exists", "repeat", "aggregate", "iif", "sort", "trace"})
_TYPE_NAMES = frozenset({"is", "as", "ofType"})


def _in_body(node: Node, function: str, found: set[str]) -> bool:
    if function in _TYPE_NAMES:
        return True
    if function not in _LAMBDAS:
        return _collect(node, found)
    return not _reaches_out(node)


def _reaches_out(node: Node) -> bool:
    """True where a body reads more than its own item, which the focus of the call has brought in already."""
    if isinstance(node, External) and node.name in ("resource", "rootResource", "context"):
        return True
    return any(map(_reaches_out, children(node)))
