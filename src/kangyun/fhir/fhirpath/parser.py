"""Reads a FHIRPath expression into its syntax tree, by precedence climbing.

Source: FHIRPath Normative Release (2.0.0), http://hl7.org/fhirpath/N1/grammar.html and section 6.7 (precedence).
"""

from decimal import Decimal

from kangyun.base.errors import Invalid
from kangyun.fhir.fhirpath import temporal
from kangyun.fhir.fhirpath.lexer import Token, tokens
from kangyun.fhir.fhirpath.quantity import CALENDAR_UNITS, Quantity
from kangyun.fhir.fhirpath.syntax import (
    Binary,
    Call,
    External,
    Item,
    Literal,
    Member,
    Node,
    Sign,
    Special,
    TypeTest,
)

MAX_LENGTH = 20_000
"""Characters of an expression; the longest of the R4 definitions has about 4,000."""

MAX_DEPTH = 120
"""Levels of the tree: what compiling and evaluating it need of the stack."""

GREATEST_INTEGER = 2**31 - 1

_PRECEDENCE = {
    "implies": 1, "or": 2, "xor": 2, "and": 3, "in": 4, "contains": 4, "=": 5, "~": 5, "!=": 5, "!~": 5,
    "<=": 6, "<": 6, ">": 6, ">=": 6, "|": 7, "is": 8, "as": 8, "+": 9, "-": 9, "&": 9,
    "*": 10, "/": 10, "div": 10, "mod": 10,
}  # fmt: skip
_SIGN = 11
_RESERVED = frozenset({"and", "or", "xor", "implies", "div", "mod", "true", "false"})


def parse(expression: str) -> Node:
    """Returns the syntax tree. Raises Invalid, naming the position (from 0), for what is not FHIRPath."""
    if len(expression) > MAX_LENGTH:
        raise Invalid("fhir.fhirpath.length", limit=MAX_LENGTH)
    try:
        expression.encode()
    except UnicodeEncodeError as error:
        # Half of a pair of surrogates is no character, and no result could be sent with it.
        raise Invalid("fhir.fhirpath.syntax", position=error.start) from None
    return _Parser(tokens(expression)).parse()


class _Parser:
    """Each method reads one construct and returns it with its depth, which is what the guard counts."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.level = 0

    def parse(self) -> Node:
        node, _ = self._expression(0)
        if self._peek().kind != "end":
            raise self._error()
        return node

    def _peek(self) -> Token:
        return self.tokens[self.position]

    def _next(self) -> Token:
        token = self.tokens[self.position]
        self.position += 1
        return token

    def _is(self, symbol: str) -> bool:
        token = self._peek()
        return token.kind == "symbol" and token.text == symbol

    def _expect(self, symbol: str) -> None:
        if not self._is(symbol):
            raise self._error()
        self.position += 1

    def _error(self) -> Invalid:
        return Invalid("fhir.fhirpath.syntax", position=self._peek().at)

    def _deeper(self, *depths: int) -> int:
        depth = max(depths, default=0) + 1
        if depth > MAX_DEPTH:
            raise Invalid("fhir.fhirpath.depth", limit=MAX_DEPTH)
        return depth

    def _expression(self, least: int) -> tuple[Node, int]:
        # The recursion of the parser itself is bounded before the tree that it builds is.
        self.level += 1
        self._deeper(self.level)
        left, depth = self._operand()
        while (operator := self._operator()) is not None and _PRECEDENCE[operator] > least:
            at = self._next().at
            if operator in ("is", "as"):
                left, depth = TypeTest("is" if operator == "is" else "as", left, self._type(), at), self._deeper(depth)
            else:
                right, right_depth = self._expression(_PRECEDENCE[operator])
                left, depth = Binary(operator, left, right, at), self._deeper(depth, right_depth)
        self.level -= 1
        return left, depth

    def _operator(self) -> str | None:
        token = self._peek()
        is_operator = token.kind in ("name", "symbol") and not token.quoted and token.text in _PRECEDENCE
        return token.text if is_operator else None

    def _operand(self) -> tuple[Node, int]:
        if self._is("-") or self._is("+"):
            token = self._next()
            operand, depth = self._expression(_SIGN - 1)
            return Sign("-" if token.text == "-" else "+", operand, token.at), self._deeper(depth)
        return self._path()

    def _path(self) -> tuple[Node, int]:
        node, depth = self._term()
        while True:
            if self._is("."):
                self._next()
                node, depth = self._invocation(node, depth)
            elif self._is("["):
                at = self._next().at
                index, index_depth = self._expression(0)
                self._expect("]")
                node, depth = Item(node, index, at), self._deeper(depth, index_depth)
            else:
                return node, depth

    def _term(self) -> tuple[Node, int]:
        token = self._peek()
        match token.kind:
            case "symbol" if token.text in "({":
                return self._group()
            case "name" if token.text in ("true", "false") and not token.quoted:
                self._next()
                return Literal(token.text == "true", token.at), 1
            case "name":
                return self._invocation(None, 0)
            case "external":
                self._next()
                return External(token.text, token.at), 1
            case "special":
                self._next()
                return Special(token.text[1:], token.at), 1  # type: ignore[arg-type]
            case "number" | "string" | "instant" | "time":
                return self._literal(), 1
            case _:
                raise self._error()

    def _group(self) -> tuple[Node, int]:
        token = self._next()
        if token.text == "{":
            self._expect("}")
            return Literal(None, token.at), 1
        node, depth = self._expression(0)
        self._expect(")")
        return node, self._deeper(depth)

    def _literal(self) -> Node:
        token = self._next()
        if token.kind == "number":
            return self._number(token)
        if token.kind == "string":
            return Literal(token.text, token.at)
        value = temporal.read(token.text) if token.kind == "instant" else temporal.read_time(token.text)
        if value is None:
            raise Invalid("fhir.fhirpath.syntax", position=token.at)
        return Literal(value, token.at)

    def _number(self, token: Token) -> Node:
        after = self._peek()
        if after.kind == "string":
            self._next()
            return Literal(Quantity(Decimal(token.text), CALENDAR_UNITS.get(after.text, after.text)), token.at)
        if after.kind == "name" and not after.quoted and after.text in CALENDAR_UNITS:
            self._next()
            return Literal(Quantity(Decimal(token.text), CALENDAR_UNITS[after.text]), token.at)
        if "." in token.text:
            return Literal(Decimal(token.text), token.at)
        # One more than the greatest integer stands here when -2147483648 is written.
        if len(token.text) > 12 or int(token.text) > GREATEST_INTEGER + 1:
            raise Invalid("fhir.fhirpath.integer", position=token.at)
        return Literal(int(token.text), token.at)

    def _invocation(self, focus: Node | None, depth: int) -> tuple[Node, int]:
        token = self._next()
        if token.kind == "special" and focus is not None:
            # `x.$this` is in the grammar and means `$this`.
            return Special(token.text[1:], token.at), 1  # type: ignore[arg-type]
        # After a dot nothing but a name can follow, so `text.div` is understood without its backticks.
        if token.kind != "name" or (focus is None and not token.quoted and token.text in _RESERVED):
            self.position -= 1
            raise self._error()
        if not self._is("("):
            return Member(focus, token.text, token.at), self._deeper(depth)
        self._next()
        arguments: list[Node] = []
        depths = [depth]
        while not self._is(")"):
            if arguments:
                self._expect(",")
            argument, argument_depth = self._expression(0)
            arguments.append(argument)
            depths.append(argument_depth)
        self._next()
        return Call(focus, token.text, tuple(arguments), token.at), self._deeper(*depths)

    def _type(self) -> str:
        names = [self._type_name()]
        if self._is("."):
            self._next()
            names.append(self._type_name())
        return ".".join(names)

    def _type_name(self) -> str:
        token = self._next()
        if token.kind != "name":
            self.position -= 1
            raise self._error()
        return token.text
