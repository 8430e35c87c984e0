"""`python -m benchmarks.ndjson_import`: the operation `$import`, in resources a second and CPU a resource.

Shape after the bulk import proposal (smart-on-fhir/bulk-import): POST [base]/$import with `Prefer: respond-async` and
Parameters of inputFormat, inputSource and one `input` (type, url) a file; then Content-Location is polled until it
answers 200. The files are served by this process unless `--url-base` says where the server finds them.
"""

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import typer

from benchmarks.bench import SERVER, Bench, DatabasePids, DataFolder, Json, Pids, Ports, Server, Stopped, Token, go
from benchmarks.client import Connection, Failure, Response
from benchmarks.corpus.stages import manifest, stage_folder
from benchmarks.load import reason
from benchmarks.recorder import Recorder, Summary

POLL = 0.2  # seconds
PIECE = 1 << 20  # bytes; uvloop has no sendfile
MOST_HOURS = 6


class FileServer:
    """Serves the files of one folder over HTTP on a port of its own; GET and HEAD, whole files only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    async def __aexit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
                await self._answer(method, self._folder / Path(path).name, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(self, method: str, file: Path, writer: asyncio.StreamWriter) -> None:
        if not file.is_file():
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+ndjson\r\nContent-Length: {file.stat().st_size}\r\n\r\n"
        )
        writer.write(head.encode())
        await writer.drain()
        if method == "GET":
            with file.open("rb") as source:
                while piece := source.read(PIECE):
                    writer.write(piece)
                    await writer.drain()


def parameters(files: list[Path], base: str) -> dict[str, Any]:
    """Returns the Parameters of the request for some `Type-000.ndjson` files that stand under a base URL."""
    inputs = [
        {
            "name": "input",
            "part": [
                {"name": "type", "valueCode": file.name.split("-")[0]},
                {"name": "url", "valueUrl": f"{base}/{file.name}"},
            ],
        }
        for file in files
    ]
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "inputFormat", "valueCode": "application/fhir+ndjson"},
            {"name": "inputSource", "valueUri": base},
            *inputs,
        ],
    }


async def import_files(bench: Bench, name: str, folder: Path, resources: int, url_base: str | None) -> Summary:
    """Imports all NDJSON files of a folder. Raises Stopped when the server refuses or does not finish."""
    files = sorted(folder.glob("*.ndjson"))
    if not files:
        raise Stopped(f"no NDJSON in {folder}: run python -m benchmarks.corpus --forms ndjson")
    recorder = Recorder()

    async def work() -> float:
        start = time.perf_counter()
        if url_base:
            await _import(bench, parameters(files, url_base.rstrip("/")), recorder)
        else:
            async with FileServer(folder) as base:
                await _import(bench, parameters(files, base), recorder)
        seconds = time.perf_counter() - start
        recorder.add(name, seconds, resources)
        return seconds

    summary = await bench.measure(name, recorder, work)
    bench.report(f"$import {name}", [summary], recorder, unit="resources")
    return summary


async def _import(bench: Bench, body: dict[str, Any], recorder: Recorder) -> None:
    headers = {"Prefer": "respond-async"}
    try:
        with Connection(bench.target, timeout=300.0) as connection:
            response = await connection.request("POST", "$import", msgspec.json.encode(body), headers)
            location = response.header("Content-Location")
            if response.status != 202 or not location:
                raise Stopped(f"$import: {reason(response)}, and 202 with Content-Location was expected")
            response = await _poll(connection, urlsplit(location).path)
    except Failure as failure:
        raise Stopped(f"$import: {failure}") from None
    outcome = msgspec.json.decode(response.body) if response.body else {}
    for error in outcome.get("error", []):
        recorder.fail("$import", f"{error.get('type', '')} {error.get('count', '')} refused")


async def _poll(connection: Connection, path: str) -> Response:
    for _ in range(int(MOST_HOURS * 3600 / POLL)):
        response = await connection.request("GET", path)
        if response.status == 200:
            return response
        if response.status != 202:
            raise Stopped(f"$import: {reason(response)}")
        await asyncio.sleep(POLL)
    raise Stopped(f"$import did not end within {MOST_HOURS} hours")


async def import_stage(bench: Bench, corpus: Path, size: str, url_base: str | None = None) -> Summary:
    """Imports one stage of a corpus. Raises Stopped."""
    stage = stage_folder(corpus, size)
    try:
        resources = manifest(stage)["resources"]
    except FileNotFoundError:
        raise Stopped(f"no {stage}: run python -m benchmarks.corpus --sizes …,{size}") from None
    base = f"{url_base}/{stage.name}/ndjson" if url_base else None
    return await import_files(bench, size, stage / "ndjson", resources, base)


async def _run(bench: Bench, corpus: Path, stages: list[str], url_base: str | None) -> None:
    rows = [await import_stage(bench, corpus, size, url_base) for size in stages]
    if len(rows) > 1:
        for row in rows[1:]:
            share = row.per_second / rows[0].per_second
            bench.console.print(f"{row.name}: {share:.0%} of the rate of {rows[0].name}")
    for row in rows:
        if size := row.details.get("bytes_an_operation"):
            bench.console.print(f"{row.name}: {size:,.0f} bytes a resource on disk")
    bench.write()


def main(
    server: Server = SERVER,
    token: Token = None,
    corpus: Annotated[Path, typer.Option(help="Folder of python -m benchmarks.corpus.")] = Path("results/corpus"),
    stages: Annotated[str, typer.Option(help="Stages to import one after the other.")] = "100k",
    url_base: Annotated[
        str | None, typer.Option(help="Where the server finds the corpus folder (file:///… or http://…).")
    ] = None,
    pids: Pids = None,
    database_pids: DatabasePids = None,
    ports: Ports = None,
    data: DataFolder = None,
    json_file: Json = None,
) -> None:
    """Imports stages of a corpus by $import and measures resources a second and CPU a resource."""

    async def work() -> None:
        bench = Bench(
            "ndjson_import", server, token,
            pids=pids, database_pids=database_pids, ports=ports, json_file=json_file, data=data,
        )  # fmt: skip
        await _run(bench, corpus, stages.split(","), url_base)

    go(work())


if __name__ == "__main__":
    typer.run(main)
