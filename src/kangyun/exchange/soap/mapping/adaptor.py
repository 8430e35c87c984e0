"""A service ready for use: which action a message is, what it asks of the record, and the answer. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from kangyun.base.errors import Invalid, NotSupported
from kangyun.exchange.soap.mapping.answering import Part, answered, template
from kangyun.exchange.soap.mapping.asking import Asked, Question, asked, check, stored
from kangyun.exchange.soap.mapping.model import Action, BadMapping, Service
from kangyun.exchange.soap.markup import parsed
from kangyun.exchange.tables.mapping import Feed
from kangyun.fhir import Resource

MOST_ROWS = 1_000
LONGEST = 65_536
"""Characters of a value; what is longer is content, and its column says so."""


@dataclass(frozen=True, slots=True)
class Called:
    """A message of an action. columns: of each record, in the order of the action's."""

    action: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class _Compiled:
    action: Action
    service: Service
    root: str
    rows: etree.XPath | None
    columns: tuple[etree.XPath, ...]
    contents: frozenset[str]
    answer: Part
    refused: Part | None


class Adaptor:
    """A service and its actions. known: names of the standards' actions whose messages nobody gave us."""

    def __init__(self, service: Service, used: "Adaptor | None", known: Sequence[str] = (), source: str = "") -> None:
        self.service = service
        self._known = frozenset(known)
        at = source or service.name
        self._actions: dict[str, _Compiled] = dict(used._actions) if used else {}
        for name, ours in service.bind.items():
            if ours not in self._actions:
                raise BadMapping("mapping-use", f"{at}: bind.{name}")
            self._actions[name] = self._actions[ours]
        for action in service.actions:
            self._actions[action.name] = _compiled(action, service, f"{at}: {action.name}")

    @property
    def actions(self) -> Mapping[str, Action]:
        """The actions by their names here."""
        return {name: one.action for name, one in self._actions.items()}

    def certainty(self, action: str) -> str:
        """Returns how sure the message form of an action is: of its own file."""
        return self._actions[action].service.certainty

    def template(self, action: str) -> Part:
        """Returns the template of an action's answer."""
        return self._actions[action].answer

    def called(self, payload: etree._Element) -> Called:
        """Reads what the body of an envelope calls. Raises Invalid, NotSupported, Malformed, TooLong."""
        method = self.service.method
        if method is None:
            return self._read(etree.QName(payload).localname, payload)
        given = {etree.QName(child).localname: child for child in payload}
        if etree.QName(payload).localname != method.name or method.action not in given or method.message not in given:
            raise Invalid("exchange.soap.no-method", method=method.name, action=method.action, message=method.message)
        message = given[method.message]
        if len(message):
            return self._read(_said(given[method.action]), message[0])
        text = message.text or ""
        if not text.strip():
            raise Invalid("exchange.soap.empty-message", message=method.message)
        return self._read(_said(given[method.action]), parsed(text))

    def asked(self, called: Called, feed: Feed) -> Asked:
        """Returns what a call asks of the record. Raises Invalid with all that is wrong."""
        one = self._actions[called.action]
        question = Question(one.action, one.service, called.rows)
        return asked(question, feed) if one.action.ask is not None else stored(question, feed)

    def answer(self, called: Called, resource: Resource) -> etree._Element:
        """Returns the body of the answer. Raises Invalid where its template does not fit."""
        return self._wrapped(answered(self._actions[called.action].answer, resource))

    def refusal(self, called: Called, outcome: Resource) -> etree._Element | None:
        """Returns the body that says a refusal, None where the action has no form for it: a fault says it then."""
        refused = self._actions[called.action].refused
        return None if refused is None else self._wrapped(answered(refused, outcome))

    def _wrapped(self, answer: etree._Element) -> etree._Element:
        method = self.service.method
        if method is None:
            return answer
        space = self.service.namespace
        whole = etree.Element(f"{{{space}}}{method.name}Response", nsmap={None: space})
        etree.SubElement(whole, f"{{{space}}}{method.result}").text = etree.tostring(answer, encoding="unicode")
        return whole

    def _read(self, name: str, message: etree._Element) -> Called:
        one = self._actions.get(name)
        if one is None:
            text = "exchange.soap.not-given" if name in self._known else "exchange.soap.no-action"
            raise NotSupported(text)
        if one.root and message.tag != one.root:
            raise Invalid("exchange.soap.wrong-message", wanted=one.action.root)
        records = [message] if one.rows is None else [row for row in one.rows(message) if etree.iselement(row)]
        if len(records) > MOST_ROWS:
            raise Invalid("exchange.soap.many-rows", most=MOST_ROWS)
        return Called(name, tuple(_row(one, record) for record in records))


def _compiled(action: Action, service: Service, at: str) -> _Compiled:
    contents = check(action, service, at)
    spaces = service.namespaces

    def xpath(text: str, place: str) -> etree.XPath:
        try:
            path = etree.XPath(text, namespaces=spaces, regexp=False, smart_strings=False)
            path(etree.Element("tried"))  # Prefixes and functions that there are not show when it is used.
            return path
        except etree.XPathError:
            raise BadMapping("mapping-path", f"{at}: {place}: {text}") from None

    prefix, _, local = action.root.rpartition(":")
    if prefix and prefix not in spaces:
        raise BadMapping("mapping-path", f"{at}: root: {action.root}")
    return _Compiled(
        action,
        service,
        f"{{{spaces[prefix]}}}{local}" if prefix else local,
        xpath(action.rows, "rows") if action.rows else None,
        tuple(xpath(text, f"columns.{name}") for name, text in action.columns.items()),
        contents,
        template(action.answer, f"{at}: answer"),
        template(action.refused, f"{at}: refused") if action.refused else None,
    )


def _row(one: _Compiled, record: etree._Element) -> tuple[str, ...]:
    cells = tuple(_cell(column(record)) for column in one.columns)
    for (name, path), cell in zip(one.action.columns.items(), cells, strict=True):
        if len(cell) > LONGEST and name not in one.contents:
            raise Invalid("exchange.soap.value-too-long", at=path, most=LONGEST)
    return cells


def _said(element: etree._Element) -> str:
    return "".join(element.itertext()).strip()


def _cell(found: Any) -> str:
    """Returns what an XPath found as a text: of several, the first."""
    if isinstance(found, list):
        found = found[0] if found else ""
    if etree.iselement(found):
        return _said(found)
    if isinstance(found, bool):
        return "1" if found else "0"
    if isinstance(found, float):
        return str(int(found)) if found.is_integer() else str(found)
    return str(found).strip()
