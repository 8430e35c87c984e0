"""Splits the text of a FHIRPath expression into tokens; comments and white space disappear.

Source: FHIRPath Normative Release (2.0.0), http://hl7.org/fhirpath/N1/grammar.html
"""

import re
from typing import Literal, NamedTuple

from kangyun.base.errors import Invalid

Kind = Literal["name", "number", "string", "instant", "time", "external", "special", "symbol", "end"]

_TOKENS = re.compile(
    r"(?P<skip>(?:\s+|//[^\r\n]*|/\*.*?\*/)+)"
    r"|(?P<time>@T[0-9:.]*[0-9])"
    r"|@(?P<instant>[0-9]{4}(?:-[0-9]{2}){0,2}(?:T(?:[0-9:]*[0-9](?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?)"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?)"
    r"|%(?P<external>[A-Za-z_][A-Za-z0-9_]*|`(?:\\.|[^`\\])*`|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
    r"|(?P<special>\$(?:this|index|total)\b)"
    r"|(?P<string>'(?:\\.|[^'\\])*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*|`(?:\\.|[^`\\])*`)"
    r"|(?P<symbol><=|>=|!=|!~|[-+*/&|=~<>()\[\]{}.,])",
    re.ASCII | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Token(NamedTuple):
    """`text` has quotes and escapes resolved; `quoted` marks a name in backticks, which is never a keyword."""

    kind: Kind
    text: str
    at: int
    quoted: bool = False


def tokens(expression: str) -> list[Token]:
    """Returns the tokens, the last of kind "end". Raises Invalid naming the position of what is no token."""
    found: list[Token] = []
    at = 0
    while at < len(expression):
        match = _TOKENS.match(expression, at)
        if match is None:
            raise Invalid("fhir.fhirpath.syntax", position=at)
        if match.lastgroup != "skip":
            found.append(_token(match))
        at = match.end()
    found.append(Token("end", "", at))
    return found


def _token(match: re.Match[str]) -> Token:
    kind: Kind = match.lastgroup  # type: ignore[assignment]
    text, at = match[kind], match.start()
    if kind == "string" or (kind in ("name", "external") and text[0] in "`'\""):
        return Token(kind, unescape(text[1:-1], at), at, quoted=True)
    return Token(kind, text[2:] if kind == "time" else text, at)


def unescape(text: str, at: int) -> str:
    """Resolves the escapes of a string or a delimited name."""
    if "\\" not in text:
        return text
    resolved = _ESCAPE.sub(_character, text)
    try:
        # Characters beyond the first plane are written as two escapes, one for each half.
        return resolved.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise Invalid("fhir.fhirpath.syntax", position=at) from None


def _character(escape: re.Match[str]) -> str:
    code, character = escape.groups()
    # The specification defines no other escapes; an unknown one stands for its character.
    return chr(int(code, 16)) if code else _ESCAPED.get(character, character)
