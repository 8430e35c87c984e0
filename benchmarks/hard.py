"""`python -m benchmarks.hard`: the searches that break stores, one at a time.

Old tokens, long OR lists, chains over many targets, `_has`: `hard.toml` holds the list. It needs a corpus of
`benchmarks.corpus` on the server, since its old tokens and names are known from there. Each search is asked by one user
again and again; the first answer is looked into, so that a search that finds nothing is not taken for a fast one.
Eight patients stand for one resident's eight registrations until those can be linked.
"""

import re
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from benchmarks.bench import SERVER, Bench, DatabasePids, Json, Pids, Ports, Server, Stopped, Token, go
from benchmarks.client import Connection, Failure
from benchmarks.corpus.stages import Contents, contents
from benchmarks.load import Over, User, reason
from benchmarks.public.searching import COUNT
from benchmarks.recorder import Recorder, Summary

LIST = Path(__file__).with_name("hard.toml")
BAR = 50.0  # milliseconds
LEAST_SECONDS = 1.0  # for each search, since CPU is read in ticks of 10 ms
MOST_SECONDS = 60.0
_PLACE = re.compile(r"\{(\w+)(?::(\d+))?\}")


@dataclass(frozen=True, slots=True)
class Hard:
    """One search of the list, its places filled."""

    name: str
    path: str
    found: bool = True


class Values:
    """What the places of the list stand for, on this server with this corpus."""

    def __init__(self, corpus: Contents, patients: list[str], encounters: list[str]) -> None:
        self._corpus = corpus
        self._patients = patients
        self._encounters = encounters
        self._rarest = [code for code, _ in reversed(corpus.codes.most_common())]

    def fill(self, path: str) -> str:
        """Returns the path with all places filled. Raises Stopped for a place that nothing stands for."""
        return _PLACE.sub(lambda place: self._value(place.group(1), int(place.group(2) or 1)), path)

    def _value(self, name: str, count: int) -> str:
        match name:
            case "size":
                return self._corpus.name
            case "dense_code":
                return self._corpus.codes.most_common(1)[0][0]
            case "rare_code":
                return self._rarest[len(self._rarest) // 10]
            case "codes":
                return ",".join(self._rarest[:count])
            case "patient":
                return self._patients[0]
            case "patients":
                return ",".join(self._patients[:count])
            case "encounters":
                return ",".join(self._encounters[:count])
            case "family":
                return min(self._corpus.families, key=lambda family: abs(self._corpus.families[family] - count))
            case _:
                raise Stopped(f"hard.toml: nothing stands for {name}")


async def _ids(connection: Connection, kind: str) -> list[str]:
    try:
        response = await connection.request("GET", f"{kind}?_count=50&_elements=id")
    except Failure as failure:
        raise Stopped(f"{kind}: {failure}") from None
    if response.status != 200:
        raise Stopped(f"{kind}: {reason(response)}")
    ids = [f"{kind}/{e['resource']['id']}" for e in msgspec.json.decode(response.body).get("entry", ())]
    if not ids:
        raise Stopped(f"the server has no {kind}: load a corpus first")
    return ids


async def prepare(bench: Bench, corpus: Contents) -> list[Hard]:
    """Reads the list and fills its places. Raises Stopped."""
    with Connection(bench.target) as connection:
        values = Values(corpus, await _ids(connection, "Patient"), await _ids(connection, "Encounter"))
    rows = tomllib.loads(LIST.read_text("utf-8"))["searches"]
    return [Hard(row["name"], values.fill(row["path"]), row.get("found", True)) for row in rows]


async def run_hard(bench: Bench, searches: list[Hard], times: int) -> list[Summary]:
    """Asks each search `times` times and for a second at least, and reports them.

    A search that fails has errors and no latencies.
    """
    rows = []
    errors = Recorder()
    for search in searches:
        recorder, row = await _one(bench, search, times)
        errors.errors.update(recorder.errors)
        rows.append(row)
    bench.report("hard searches", rows, errors)
    slow = [f"{row.name} ({row.p95:.0f} ms)" for row in rows if row.requests and row.p95 >= BAR]
    if slow:
        bench.console.print(f"[yellow]p95 not under {BAR:.0f} ms: {', '.join(slow)}[/]")
    return rows


async def _one(bench: Bench, search: Hard, times: int) -> tuple[Recorder, Summary]:
    request = bench.target.request("GET", f"{search.path}&_count={COUNT}")
    recorder = Recorder()
    try:
        with Connection(bench.target) as connection:
            response = await connection.send(request)
    except Failure as failure:
        recorder.fail(search.name, str(failure))
        return recorder, recorder.summary(search.name, 0.0)
    if response.status != 200:
        recorder.fail(search.name, reason(response))
        return recorder, recorder.summary(search.name, 0.0)
    entries = len(msgspec.json.decode(response.body).get("entry", ()))
    if (entries > 0) != search.found:
        recorder.fail(search.name, f"{entries} entries, where {'some' if search.found else 'none'} were expected")
    enough = time.perf_counter() + LEAST_SECONDS

    async def ask(user: User) -> None:
        if recorder.requests + recorder.failed >= times and time.perf_counter() >= enough:
            raise Over
        await user.do(search.name, request)

    recorder, row = await bench.step(search.name, ask, users=1, seconds=MOST_SECONDS, recorder=recorder)
    row.details["entries"] = entries
    return recorder, row


def main(
    server: Server = SERVER,
    token: Token = None,
    corpus: Annotated[Path, typer.Option(help="Folder of python -m benchmarks.corpus.")] = Path("results/corpus"),
    size: Annotated[str, typer.Option(help="The size that was loaded.")] = "100k",
    times: Annotated[int, typer.Option(help="How often each search is asked at least.")] = 50,
    pids: Pids = None,
    database_pids: DatabasePids = None,
    ports: Ports = None,
    json_file: Json = None,
) -> None:
    """Asks the searches that break stores, one at a time."""

    async def work() -> None:
        bench = Bench("hard", server, token, pids=pids, database_pids=database_pids, ports=ports, json_file=json_file)
        try:
            known = contents(corpus, size)
        except FileNotFoundError:
            raise Stopped(f"no stage {size} in {corpus}: run python -m benchmarks.corpus first") from None
        await run_hard(bench, await prepare(bench, known), times)
        bench.write()

    go(work())


if __name__ == "__main__":
    typer.run(main)
