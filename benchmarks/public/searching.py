"""The search workload: each iteration runs every parameter of the list once, with a random value.

Setup probes each parameter with a value that matches nothing and stops if the server then counts as many resources as
without the parameter: it was dropped in silence, and its figures would mean nothing. Values are sent as they stand.
"""

import asyncio
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from random import Random
from typing import Any
from urllib.parse import quote

import msgspec

from benchmarks.bench import Stopped
from benchmarks.client import Connection, Failure, Target
from benchmarks.load import User, reason

COUNT = 20
SAMPLES = 20
MISSING = "benchmark-missing-id"
# What stays as it is in a value: a token's bar, a composite's dollar, the comma of an OR, colon and slash of a system.
SAFE = "|$,:/"


@dataclass(frozen=True, slots=True)
class Search:
    """One parameter of the list with its values; `modifiers` go after the name, `prefixes` before the value."""

    family: str
    type: str
    parameter: str
    values: tuple[str, ...]
    modifiers: tuple[str, ...] = ("",)
    prefixes: tuple[str, ...] = ("",)
    target: str | None = None

    @property
    def name(self) -> str:
        return f"{self.type}.{self.parameter}"

    def query(self, modifier: str, prefix: str, value: str) -> str:
        """Returns `Type?parameter=value`, escaped as the workload asks."""
        return f"{self.type}?{self.parameter}{modifier}={quote(prefix + value, safe=SAFE)}"

    def draw(self, rng: Random) -> str:
        """Returns a random query of this parameter."""
        return self.query(rng.choice(self.modifiers), rng.choice(self.prefixes), rng.choice(self.values))

    def probe(self) -> str:
        """Returns the query that matches nothing."""
        return self.query("", "", self.values[0])


def load_list() -> list[Search]:
    """Reads the list. Reference searches have no values until `sample` gives them some."""
    table = tomllib.loads(files(__package__).joinpath("data", "search.toml").read_text("utf-8"))
    return [
        Search(
            row["family"],
            row["type"],
            row["parameter"],
            tuple(row.get("values", ())),
            tuple(table["families"][row["family"]].get("modifiers", ("",))),
            tuple(table["families"][row["family"]].get("prefixes", ("",))),
            row.get("target"),
        )
        for row in table["search"]
    ]


async def _get(connection: Connection, path: str) -> dict[str, Any]:
    try:
        response = await connection.request("GET", path)
    except Failure as failure:
        raise Stopped(f"{path}: {failure}") from None
    if response.status != 200:
        raise Stopped(f"{path}: {reason(response)}")
    try:
        found: dict[str, Any] = msgspec.json.decode(response.body)
    except msgspec.DecodeError:
        raise Stopped(f"{path}: the answer is not JSON") from None
    return found


async def sample(target: Target, searches: list[Search]) -> list[Search]:
    """Gives the reference searches their values: a missing id, 20 live ones, an OR of two and of three."""
    with Connection(target) as connection:
        values: dict[str, tuple[str, ...]] = {}
        for kind in sorted({search.target for search in searches if search.target}):
            bundle = await _get(connection, f"{kind}?_count={SAMPLES}&_elements=id")
            ids = [f"{kind}/{entry['resource']['id']}" for entry in bundle.get("entry", ())][:SAMPLES]
            if len(ids) < 3:
                raise Stopped(f"the server has {len(ids)} {kind}: load a corpus first")
            values[kind] = (f"{kind}/{MISSING}", *ids, ",".join(ids[:2]), ",".join(ids[:3]))
    return [
        search
        if search.target is None
        else Search(search.family, search.type, search.parameter, values[search.target], target=search.target)
        for search in searches
    ]


async def _total(connection: Connection, path: str) -> int:
    bundle = await _get(connection, path + ("&" if "?" in path else "?") + "_summary=count")
    total = bundle.get("total")
    if not isinstance(total, int):
        raise Stopped(f"{path}: no total under _summary=count, so that a dropped parameter could not be noticed")
    return total


async def probe(target: Target, searches: list[Search], *, keep_going: bool = False) -> list[str]:
    """Returns the names of the parameters that the server drops or refuses. Raises Stopped unless `keep_going`."""
    with Connection(target) as connection:
        unfiltered: dict[str, int] = {}
        bad = []
        for search in searches:
            if search.type not in unfiltered:
                unfiltered[search.type] = await _total(connection, search.type)
                if unfiltered[search.type] == 0:
                    raise Stopped(f"the server has no {search.type}: load a corpus first")
            try:
                dropped = await _total(connection, search.probe()) == unfiltered[search.type]
                why = "the total is the same with a value that matches nothing"
            except Stopped as stopped:
                dropped, why = True, str(stopped)
            if dropped:
                if not keep_going:
                    raise Stopped(f"{search.name}: {why}")
                bad.append(search.name)
    return bad


class Searching:
    """The iteration of one user: each search of the list once."""

    def __init__(self, target: Target, searches: list[Search]) -> None:
        self._target = target
        self._searches = searches

    async def iterate(self, user: User) -> None:
        """Runs each search once with a random value."""
        for search in self._searches:
            request = self._target.request("GET", f"{search.draw(user.rng)}&_count={COUNT}")
            await user.do(search.name, request)
        await asyncio.sleep(0)
