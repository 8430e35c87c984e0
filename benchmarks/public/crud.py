"""The CRUD workload: 36 requests an iteration.

POST of nine linked types (201 and the body back), GET of each (200), PUT of each whole resource with one field changed
(200), DELETE in reverse order (200; 204 counts too, as in the later fork).
"""

import itertools
import re
import secrets
import tomllib
from importlib.resources import files
from typing import Any

import msgspec

from benchmarks.client import Response, Target
from benchmarks.load import User

_PLACE = re.compile(rb"\{\{(\w+)\}\}")
_LOCATION = re.compile(r"/\w+/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]*)?$")
_NUMBER = "n"
_ID = "id"
_VALUE = "value"


class Form:
    """Bytes of a resource with places for references, numbers and its id."""

    def __init__(self, resource: dict[str, Any]) -> None:
        pieces = _PLACE.split(msgspec.json.encode(resource))
        self._literals = pieces[::2]
        self._places = [place.decode() for place in pieces[1::2]]

    def fill(self, values: dict[str, bytes]) -> bytes:
        """Returns the bytes with every place filled."""
        filled = list(
            itertools.chain.from_iterable(zip(self._literals, (values[p] for p in self._places), strict=False))
        )
        return b"".join([*filled, self._literals[-1]])


class Crud:
    """The iteration of one user; shared by all users, since they differ only in their numbers."""

    def __init__(self, target: Target) -> None:
        self._target = target
        data = files(__package__).joinpath("data")
        self.types: list[str] = []
        self._create: dict[str, Form] = {}
        self._change: dict[str, Form] = {}
        self._new_values: dict[str, bytes] = {}
        for row in tomllib.loads(data.joinpath("crud.toml").read_text("utf-8"))["types"]:
            kind = row["type"]
            resource = msgspec.json.decode(data.joinpath("crud", f"{kind}.json").read_bytes())
            changed = {"resourceType": kind, "id": "{{id}}"} | resource | {row["field"]: "{{value}}"}
            self.types.append(kind)
            self._create[kind] = Form(resource)
            self._change[kind] = Form(changed)
            self._new_values[kind] = row["value"].encode()
        self._run = secrets.token_hex(4)
        self._count = itertools.count()

    def number(self) -> bytes:
        """Returns a number that is given only once, for identifiers."""
        return f"bench-{self._run}-{next(self._count)}".encode()

    def body(self, kind: str, references: dict[str, bytes]) -> bytes:
        """Returns a new resource of a type. `references` are `Type/id` by type."""
        return self._create[kind].fill({_NUMBER: self.number(), **references})

    def changed(self, kind: str, values: dict[str, bytes], value: str | None = None) -> bytes:
        """Returns the resource with its one field changed. `values` are references by type, `id`, and `n`."""
        new = self._new_values[kind] if value is None else value.encode()
        return self._change[kind].fill({_NUMBER: b"", _VALUE: new, **values})

    async def iterate(self, user: User) -> None:
        """Runs one iteration. What could not be created is neither read, changed nor deleted."""
        values = {_NUMBER: self.number(), **dict.fromkeys(self.types, b"")}
        ids: dict[str, str] = {}
        for kind in self.types:
            body = self.body(kind, values)
            pieces = self._target.pieces("POST", kind, body, {"Prefer": "return=representation"})
            response = await user.do(f"create {kind}", *pieces, expect=(201,))
            if response is None:
                continue
            identity = identity_of(response)
            if identity is None or b'"resourceType"' not in response.body:
                user.recorder.fail(f"create {kind}", "201 without the body or without an id")
                continue
            ids[kind] = identity
            values[kind] = f"{kind}/{identity}".encode()
        for kind, identity in ids.items():
            await user.do(f"read {kind}", self._target.request("GET", f"{kind}/{identity}"))
        for kind, identity in ids.items():
            body = self.changed(kind, values | {_ID: identity.encode()})
            await user.do(f"update {kind}", *self._target.pieces("PUT", f"{kind}/{identity}", body))
        for kind, identity in reversed(ids.items()):
            await user.do(f"delete {kind}", self._target.request("DELETE", f"{kind}/{identity}"), expect=(200, 204))


def identity_of(response: Response) -> str | None:
    """Returns the id of a created resource, from the Location or else from the body."""
    if match := _LOCATION.search(response.header("Location") or ""):
        return match.group(1)
    try:
        identity = msgspec.json.decode(response.body)["id"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return None
    return identity if isinstance(identity, str) else None
