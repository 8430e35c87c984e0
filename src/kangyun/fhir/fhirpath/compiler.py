"""Turns the syntax tree of an expression, for a focus of one type, into closures.

What the types say is decided here, once: which members a step reads, whether a result can have several items, which
form an operator takes. See `code` for what the closures look like and `paths` for the steps.

Source: FHIRPath Normative Release (2.0.0), http://hl7.org/fhirpath/N1/
"""

from dataclasses import replace
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.fhir.fhirpath import arithmetic, paths, types
from kangyun.fhir.fhirpath import functions as _functions
from kangyun.fhir.fhirpath.code import EMPTY, Code, Environment, Scope, constant, many, value
from kangyun.fhir.fhirpath.functions.typing import cast, test
from kangyun.fhir.fhirpath.invocation import FUNCTIONS, Invocation
from kangyun.fhir.fhirpath.operators import binary, union
from kangyun.fhir.fhirpath.parser import GREATEST_INTEGER
from kangyun.fhir.fhirpath.syntax import (
    Binary,
    Call,
    Constant,
    External,
    Item,
    Literal,
    Member,
    Node,
    Sign,
    Special,
    TypeTest,
)
from kangyun.fhir.fhirpath.types import ANY, INTEGER, NOTHING, STRING, Static
from kangyun.fhir.fhirpath.values import box_resource, type_of

_functions.load()

CODE_SYSTEMS = {
    "ucum": "http://unitsofmeasure.org",
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
}


class Compiler:
    """Compiles the nodes of one expression.

    strict: also refuse what the types show to be a mistake: members that cannot exist, `as` on several items, positions
            in a collection without order.
    """

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict

    def expression(self, node: Node, scope: Scope) -> Code:
        """Compiles a node."""
        match node:
            case Member():
                return self._member(node, scope)
            case Call():
                return self._call(node, scope)
            case Literal():
                return self._literal(node)
            case Binary(operator="|"):
                return union([self.expression(operand, scope) for operand in _operands(node)])
            case Binary():
                left = self.expression(node.left, scope)
                return binary(node.operator, left, self.expression(node.right, scope))
            case Special():
                return self._special(node, scope)
            case External():
                return self._external(node, scope)
            case Item():
                return self._item(node, scope)
            case Sign():
                return self._sign(node, scope)
            case TypeTest():
                compile = test if node.operator == "is" else cast
                return compile(self, self.expression(node.operand, scope), node.type, node.at)

    def _literal(self, node: Literal) -> Code:
        if node.value is None:
            return EMPTY
        if node.value.__class__ is int and node.value > GREATEST_INTEGER:
            raise Invalid("fhir.fhirpath.integer", position=node.at)
        return constant(static_of(node.value), node.value)

    def _special(self, node: Special, scope: Scope) -> Code:
        if node.name == "this":
            return EMPTY if scope.this == NOTHING else paths.this_code(scope.this)
        if node.name == "index" and scope.in_loop:
            return Code(INTEGER, True, lambda this, env: env.index)
        if node.name == "total" and scope.total is not None:
            return Code(scope.total, False, lambda this, env: env.total)
        raise Invalid("fhir.fhirpath.outside-of-loop", name=f"${node.name}", position=node.at)

    def _external(self, node: External, scope: Scope) -> Code:
        name = node.name
        if name in scope.defined:
            number = scope.defined[name]
            return Code(ANY, False, lambda this, env: env.defined[number])
        match name:
            case "resource":
                return Code(scope.resource, True, lambda this, env: env.resource)
            case "rootResource":
                return Code(types.fhir("Resource"), True, lambda this, env: env.root)
            case "context":
                return Code(scope.context, True, lambda this, env: env.context)
            case "ucum" | "sct" | "loinc":
                return constant(STRING, CODE_SYSTEMS[name])
        for prefix, folder in (("vs-", "ValueSet"), ("ext-", "StructureDefinition")):
            if name.startswith(prefix):
                return constant(STRING, f"http://hl7.org/fhir/{folder}/{name.removeprefix(prefix)}")

        def variable(this: Any, env: Environment) -> list[Any]:
            if name not in env.variables:
                raise Invalid("fhir.fhirpath.unknown-variable", name=name[:64], position=node.at)
            return [box_resource(item) if item.__class__ is dict else item for item in env.variables[name]]

        return Code(ANY, False, variable)

    def _member(self, node: Member, scope: Scope) -> Code:
        if node.focus is None:
            named = self._type_name(node, scope)
            if named is not None:
                return named
            focus = self.expression(Special("this", node.at), scope)
        else:
            focus = self.expression(node.focus, scope)
        return paths.step(focus, node.name, strict=self.strict, at=node.at)

    def _type_name(self, node: Member, scope: Scope) -> Code | None:
        """A path may start with the name of the type in focus, or of one that it specialises."""
        name = node.name
        if not name[0].isupper() or not types.exists(name):
            return None
        this = scope.this
        if this.namespace == "FHIR" and types.is_subtype(this.name, name):
            return paths.this_code(this)
        if this.family == "resource" or (this.namespace == "any" and not self.strict):
            return cast(self, self.expression(Special("this", node.at), scope), name, node.at)
        if self.strict and this.namespace != "nothing":
            raise Invalid("fhir.fhirpath.unknown-member", name=name[:64], type=this.name, position=node.at)
        return EMPTY

    def _call(self, node: Call, scope: Scope) -> Code:
        found = FUNCTIONS.get(node.name)
        if found is None:
            raise Invalid("fhir.fhirpath.unknown-function", name=node.name[:64], position=node.at)
        if not found.least <= len(node.arguments) <= found.most:
            raise Invalid("fhir.fhirpath.arguments", name=node.name, position=node.at)
        focus = self.expression(node.focus or Special("this", node.at), scope)
        inner = self._with_definitions(node.focus, scope)
        return found.compile(Invocation(self, focus, node.name, node.arguments, inner, node.at))

    def _item(self, node: Item, scope: Scope) -> Code:
        focus = self.expression(node.focus, scope)
        index = self.expression(node.index, self._with_definitions(node.focus, scope))
        if self.strict and not focus.ordered:
            raise Invalid("fhir.fhirpath.unordered-focus", position=node.at)
        run, position = many(focus), value(index)

        def item(this: Any, env: Environment) -> Any:
            items, wanted = run(this, env), position(this, env)
            if wanted is None:
                return None
            if wanted.__class__ is not int:
                raise Invalid("fhir.fhirpath.operand", operator="[]")
            return items[wanted] if 0 <= wanted < len(items) else None

        return Code(focus.type, True, item)

    def _sign(self, node: Sign, scope: Scope) -> Code:
        if isinstance(node.operand, Literal) and node.operand.value == GREATEST_INTEGER + 1 and node.operator == "-":
            return constant(INTEGER, -GREATEST_INTEGER - 1)
        operand = self.expression(node.operand, scope)
        run, negative = value(operand), node.operator == "-"

        def signed(this: Any, env: Environment) -> Any:
            item = run(this, env)
            if item is None:
                return None
            negated = arithmetic.negate(item)
            return negated if negative else item

        result = operand.type if operand.type.family in ("Integer", "Decimal", "Quantity") else ANY
        system = types.SYSTEM_TYPES.get(result.family, ANY)
        if operand.constant is not None:
            return constant(system, signed(None, Environment()))
        return Code(system, True, signed)

    def _with_definitions(self, focus: Node | None, scope: Scope) -> Scope:
        """Returns the scope with the variables that calls of defineVariable() on the way to here have made."""
        defined: dict[str, int] = {}
        while isinstance(focus, Member | Call | Item):
            if isinstance(focus, Call) and focus.name == "defineVariable" and focus.arguments:
                name = focus.arguments[0]
                if isinstance(name, Literal) and isinstance(name.value, str):
                    # Where the name is something else, compiling the call itself says so.
                    defined[name.value] = focus.at
            focus = focus.focus
        return replace(scope, defined={**scope.defined, **defined}) if defined else scope


def _operands(node: Node) -> list[Node]:
    """The operands of `a | b | c`, so that equal items are looked for once."""
    operands: list[Node] = []
    while isinstance(node, Binary) and node.operator == "|":
        operands.append(node.right)
        node = node.left
    return [node, *reversed(operands)]


def static_of(item: Constant) -> Static:
    """Returns the System type of a value."""
    return types.SYSTEM_TYPES[type_of(item)[1]]
