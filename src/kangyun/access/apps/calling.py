"""From an app's functions to operations of the platform: the same door, the same errors, parameters by their types."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kangyun.access import record as gate
from kangyun.access.apps import parameters
from kangyun.access.apps.model import Installed, Query
from kangyun.access.apps.parameters import Signature, signature_of
from kangyun.access.apps.record import opened
from kangyun.access.operations import model
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions

_ADDRESS = re.compile(
    r"(?:(?P<type>[A-Z]\w+)/(?:\[(?P<instance>[a-z_]+)\]/)?)?\$(?P<name>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)"
)
LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Called:
    """An operation of an app: where it is called, and what it is called with.

    type: None for the system. instance: the argument that gets the id, empty for none. name: without its dollar sign.
    is_query: it changes nothing, and is called by GET too.
    """

    installed: Installed
    address: str
    type: str | None
    instance: str
    name: str
    function: Callable[..., Awaitable[object]]
    signature: Signature
    is_query: bool

    @property
    def level(self) -> model.Level:
        """Where it is called."""
        return "instance" if self.instance else "type" if self.type else "system"

    @property
    def url(self) -> str:
        """The canonical URL of its definition."""
        return f"urn:kangyun:operation:{self.name}"

    async def carry_out(self, record: gate.Record, call: model.Call) -> Resource:
        """Calls the function for who is signed in. Raises what it raises, and Forbidden, Invalid, NotSupported."""
        async with opened(record, self.installed, self.name, call.language) as bounded:
            arguments = parameters.read(self.signature, call.parameters)
            if self.instance:
                arguments[self.instance] = call.id
            return parameters.written(await self.function(bounded, **arguments))

    @property
    def operation(self) -> model.Operation:
        """It as an operation of the platform."""
        inputs = tuple(model.Input(one.name, one.type, one.repeats) for one in self.signature.inputs)
        return model.Operation(
            self.name, frozenset({self.level}), self.carry_out, self.url, inputs,
            frozenset({self.type}) if self.type else None, affects_state=not self.is_query,
        )  # fmt: skip


def called(installed: Installed, address: str) -> Called:
    """Returns an operation of an app.

    Raises ValueError for an address that is none, TypeError for a function that FHIR cannot say.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or len(match["name"]) > LONGEST_NAME:
        raise ValueError(address)
    if match["type"] is not None and match["type"] not in definitions().resource_types:
        raise ValueError(address)
    given = installed.app.operations[address]
    function = given.carry_out if isinstance(given, Query) else given
    instance = match["instance"] or ""
    signature = signature_of(function, instance)
    about = (match["type"], instance, match["name"])
    return Called(installed, address, *about, function, signature, isinstance(given, Query))
