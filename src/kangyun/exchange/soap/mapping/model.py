"""A service's mapping file as it is read; what is wrong with one is told with its place, in words."""

import tomllib
from typing import Any, Literal

import msgspec

from kangyun.exchange.tables.mapping.model import Template

Certainty = Literal["own", "unverified", "confirmed"]
Own = Literal["", "time", "node"]


class BadMapping(ValueError):
    """A mapping file cannot be used. text: a key of this package's texts, at: the place in the file."""

    def __init__(self, text: str, at: str) -> None:
        super().__init__(f"{text} at {at}")
        self.text = text
        self.at = at


class Method(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one method of a service whose real action and message are texts. All are names of elements.

    result: the element of the answer that holds the answer's XML as a text.
    """

    name: str
    action: str
    message: str
    result: str


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An interaction of FHIR's that an action asks for.

    own:  one of the platform's own words instead: the time, the node.
    path: parts below the base. query: parameters, each a text or a list of texts that are joined. body: a resource.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    path: list[str] = []
    query: dict[str, Any] = {}
    body: dict[str, Any] = {}
    own: Own = ""


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a message may ask for: it stores `resources`, or it is `ask`.

    about:   what it is for, in the words of the standards' lists: `WS/T 790.6`.
    root:    the message's element, with its prefix; empty where any will do.
    rows:    XPath of its records where it may hold several. columns: XPath of each column, from the record.
    gather:  an element, a list: records of one key are one resource whose list has theirs all.
    answer, refused: the answer's XML. Without `refused`, what is refused is a fault.
    """

    name: str
    title: str
    answer: str
    about: list[str] = []
    root: str = ""
    rows: str = ""
    gather: str = ""
    columns: dict[str, str] = {}
    key: list[str] = []
    resources: list[Template] = []
    ask: Ask | None = None
    refused: str = ""


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping file.

    certainty: "own" of our own form, "confirmed" where a site that holds the standard wrote it, else "unverified".
    namespace: of what the description (WSDL) describes. use: the service whose actions it offers as well.
    bind:      names of actions that are actions of `use`. codes: tables, as of mappings of tables.
    """

    name: str
    title: str
    edition: str
    certainty: Certainty
    namespace: str
    source: str = ""
    namespaces: dict[str, str] = {}
    method: Method | None = None
    use: str = ""
    bind: dict[str, str] = {}
    actions: list[Action] = []
    codes: dict[str, dict[str, Any]] = {}


def parse(text: str, source: str = "mapping") -> Service:
    """Returns the service of the text of a file. Raises BadMapping."""
    try:
        service = msgspec.convert(tomllib.loads(text), Service)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadMapping("mapping-syntax", f"{source}: {error}") from None
    names = [action.name for action in service.actions] + list(service.bind)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadMapping("mapping-twice", f"{source}: {twice}")
    for action in service.actions:
        if bool(action.resources) == (action.ask is not None):
            raise BadMapping("mapping-ask", f"{source}: {action.name}")
    return service
