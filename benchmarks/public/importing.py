"""The import workload: users POST transaction bundles, one patient each; what counts is resources a second.

Setup posts hospitalInformation and practitionerInformation, since the patients' bundles refer to them conditionally.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from benchmarks.bench import Bench, Stopped
from benchmarks.client import Connection, Failure
from benchmarks.load import Over, User, reason

TIMEOUT = 300.0  # seconds, of the original
SETUP = ("hospitalInformation.json", "practitionerInformation.json")


class Bundles:
    """The bundles of a corpus folder, one after the other, each given out once.

    folder: a stage of `benchmarks.corpus`, or any folder of `*.json` transaction bundles.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        manifest = folder / "manifest.json"
        if manifest.exists():
            self._index = json.loads(manifest.read_text("utf-8"))["bundles"]
            self._next = self._staged()
        else:
            self._index = sorted(path for path in folder.glob("*.json") if path.name not in SETUP)
            self._next = self._plain()
        if not self._index:
            raise Stopped(f"no bundles in {folder}: run python -m benchmarks.corpus first")

    def __len__(self) -> int:
        return len(self._index)

    def take(self) -> tuple[bytes, int] | None:
        """Returns the next bundle and its number of entries, or None when all were taken."""
        return next(self._next, None)

    def _staged(self) -> Iterator[tuple[bytes, int]]:
        files: dict[int, BinaryIO] = {}
        try:
            for part, offset, length, entries in self._index:
                if part not in files:
                    files[part] = (self.folder / f"bundles-{part:03d}.ndjson").open("rb")
                files[part].seek(offset)
                yield files[part].read(length), entries
        finally:
            for file in files.values():
                file.close()

    def _plain(self) -> Iterator[tuple[bytes, int]]:
        for path in self._index:
            body = path.read_bytes()
            yield body, len(json.loads(body)["entry"])


async def set_up(bench: Bench, folder: Path) -> None:
    """Posts the institutions of a corpus, where it has them. Raises Stopped when the server refuses them."""
    with Connection(bench.target, TIMEOUT) as connection:
        for name in SETUP:
            if (folder / name).exists():
                try:
                    response = await connection.request("POST", "", (folder / name).read_bytes())
                except Failure as failure:
                    raise Stopped(f"{name}: {failure}") from None
                if response.status not in (200, 201):
                    raise Stopped(f"{name}: {reason(response)}")


class Import:
    """The iteration of one user: the next bundle."""

    def __init__(self, bench: Bench, bundles: Bundles) -> None:
        self._target = bench.target
        self._bundles = bundles

    async def iterate(self, user: User) -> None:
        """Posts one bundle. Raises Over when there is none left."""
        bundle = self._bundles.take()
        if bundle is None:
            raise Over
        body, entries = bundle
        await user.do("bundle", *self._target.pieces("POST", "", body), operations=entries, timeout=TIMEOUT)
