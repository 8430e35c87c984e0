"""`python -m benchmarks.reads`: create, read by id and update, and the CPU that each costs.

One type (Observation), the three verbs one after the other, so that the CPU of each is known. Each user works for a
patient of its own, with an encounter and a practitioner: all users writing about one patient would measure how long
they wait for each other. The resources are deleted at the end.
"""

from typing import Annotated

import typer

from benchmarks.bench import SERVER, Bench, DatabasePids, Json, Pids, Ports, Server, Stopped, Token, go
from benchmarks.client import Connection, Failure
from benchmarks.load import User, reason
from benchmarks.public.crud import Crud, identity_of

KIND = "Observation"


class Reads:
    """Bodies and ids of the run."""

    def __init__(self, bench: Bench) -> None:
        self._target = bench.target
        self._crud = Crud(bench.target)
        self._places: list[dict[str, bytes]] = []
        self._linked: list[str] = []
        self.ids: list[list[str]] = []
        self._updates = 0

    async def set_up(self, users: int) -> None:
        """Creates what the observations of each user refer to. Raises Stopped."""
        with Connection(self._target) as connection:
            for _ in range(users):
                self._places.append(await self._links(connection))
                self.ids.append([])

    async def _links(self, connection: Connection) -> dict[str, bytes]:
        places: dict[str, bytes] = {}
        for kind in self._crud.types[: self._crud.types.index(KIND)]:
            try:
                response = await connection.request("POST", kind, self._crud.body(kind, places))
            except Failure as failure:
                raise Stopped(f"POST {kind}: {failure}") from None
            identity = identity_of(response)
            if response.status != 201 or identity is None:
                raise Stopped(f"POST {kind}: {reason(response)}")
            self._linked.append(f"{kind}/{identity}")
            places[kind] = self._linked[-1].encode()
        return places

    async def create(self, user: User) -> None:
        """Creates one observation and keeps its id."""
        body = self._crud.body(KIND, self._places[user.number])
        response = await user.do("create", *self._target.pieces("POST", KIND, body), expect=(201,))
        if response is not None and (identity := identity_of(response)) is not None:
            self.ids[user.number].append(identity)

    async def read(self, user: User) -> None:
        """Reads one of the observations."""
        await user.do("read", self._target.request("GET", f"{KIND}/{user.rng.choice(self.ids[user.number])}"))

    async def update(self, user: User) -> None:
        """Changes `issued` of one of the observations, to another value each time."""
        identity = user.rng.choice(self.ids[user.number])
        self._updates += 1
        places = self._places[user.number] | {"id": identity.encode()}
        body = self._crud.changed(KIND, places, f"2025-01-01T00:00:00.{self._updates % 1000:03d}+00:00")
        await user.do("update", *self._target.pieces("PUT", f"{KIND}/{identity}", body))

    async def clean_up(self) -> None:
        """Deletes what the run created, as far as the server lets it."""
        with Connection(self._target) as connection:
            made = (f"{KIND}/{identity}" for ids in self.ids for identity in ids)
            for reference in [*made, *reversed(self._linked)]:
                await connection.request("DELETE", reference)


async def _run(bench: Bench, users: int, seconds: float, keep: bool) -> None:
    reads = Reads(bench)
    await reads.set_up(users)
    rows = []
    recorder, row = await bench.step("create", reads.create, users=users, seconds=seconds)
    rows.append(row)
    if not all(reads.ids):
        bench.report("reads", rows, recorder)
        raise Stopped("nothing could be created")
    for name, iterate in (("read", reads.read), ("update", reads.update)):
        more, row = await bench.step(name, iterate, users=users, seconds=seconds)
        recorder.errors.update(more.errors)
        rows.append(row)
    bench.report("reads", rows, recorder)
    if not keep:
        await reads.clean_up()
    bench.write()


def main(
    server: Server = SERVER,
    token: Token = None,
    users: Annotated[int, typer.Option(help="Users at once.")] = 16,
    seconds: Annotated[float, typer.Option(help="Seconds for each of create, read and update.")] = 10.0,
    keep: Annotated[bool, typer.Option(help="Leave the created resources on the server.")] = False,
    pids: Pids = None,
    database_pids: DatabasePids = None,
    ports: Ports = None,
    json_file: Json = None,
) -> None:
    """Measures create, read by id and update of one type, and the CPU that each costs."""

    async def work() -> None:
        bench = Bench("reads", server, token, pids=pids, database_pids=database_pids, ports=ports, json_file=json_file)
        await _run(bench, users, seconds, keep)

    go(work())


if __name__ == "__main__":
    typer.run(main)
