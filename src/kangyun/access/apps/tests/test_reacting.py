"""Reactions on a real database: each change, in order, at least once; what poisons one is parked and stops nothing."""

import asyncio

import pytest
import pytest_asyncio

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.apps import App, Installed, Reaction
from kangyun.access.apps.reacting import keep_reacting
from kangyun.store import feed
from kangyun.store.sequencer import sequence

LI = Actor("Practitioner/li", "", "Organization/a", "TREAT", administrator=True)
PATIENCE = 20.0  # seconds


@pytest_asyncio.fixture
async def write(platform):
    """Writes Patients, one commit each: `await write("a", "b")`."""

    async def write_(*ids, historic=False, method="update", **more):
        record = await platform.gate.open(LI, Circumstances("PUT /Patient/[id]", "", "r1", historic=historic))
        for id_ in ids:
            resource = {"resourceType": "Patient", "id": id_} | more
            content = None if method == "delete" else resource
            await record.commit([record.operation(method, "Patient", id=id_, resource=content)], method)

    return write_


@pytest_asyncio.fixture
async def start(platform, monkeypatch):
    """Starts the reactions of apps, as so many processes: `await start(app, processes=2)`; they have begun then."""
    monkeypatch.setattr(feed, "BACK_OFF", 0.001)
    stop, tasks = asyncio.Event(), []

    async def start_(*apps, processes=1):
        tasks.append(asyncio.ensure_future(sequence(platform.pool, stop)))
        tasks.extend(asyncio.ensure_future(keep_reacting(platform, apps, stop)) for _ in range(processes))
        names = {f"app/{app.id}/{name}" for app in apps for name in app.app.reactions}
        async with platform.pool.connection() as connection:
            await until(lambda: _begun(connection, names))

    yield start_
    stop.set()
    await asyncio.gather(*tasks)


async def _begun(connection, names):
    return [one for one in names if await feed.place_of(connection, one) is None] == []


async def until(true):
    async with asyncio.timeout(PATIENCE):
        while not await true():
            await asyncio.sleep(0.02)


async def said(value):
    return value


def app(name, react, historic=False, **given):
    declared = {"purpose": "TREAT", "reads": frozenset({"Patient"})} | given
    reactions = {"follow": Reaction(react, frozenset({"Patient"}), historic)}
    return Installed(f"care.{name}", App(**declared, reactions=reactions))


@pytest.fixture
def seen():
    """What was reacted to, and a reaction that notes it."""
    found = []

    async def note(record, changed):
        family = (changed.resource or {}).get("name", [{}])[0].get("family")
        found.append((changed.id, changed.version, changed.action, family))

    return found, note


async def test_each_change_comes_in_its_order(seen, start, write):
    found, note = seen
    await start(app("one", note))
    await write("a", "b")
    await write("a", name=[{"family": "Li"}])
    await write("a", method="delete")
    await until(lambda: said(len(found) == 4))
    assert found == [
        ("a", 1, "created", None), ("b", 1, "created", None), ("a", 2, "updated", "Li"), ("a", 3, "deleted", None),
    ]  # fmt: skip


async def test_of_two_processes_one_reacts(seen, start, write):
    found, note = seen
    await start(app("one", note), processes=2)
    await write("a", "b", "c")
    await until(lambda: said(len(found) >= 3))
    await asyncio.sleep(0.3)
    assert [id_ for id_, *_ in found] == ["a", "b", "c"]


async def test_what_has_happened_elsewhere_comes_where_it_is_wanted(seen, start, write):
    found, note = seen
    both = []

    async def note_both(record, changed):
        both.append(changed.id)

    await start(app("one", note), app("two", note_both, historic=True))
    await write("old", historic=True)
    await write("new")
    await until(lambda: said(len(both) == 2))
    await until(lambda: said(found != []))
    assert (both, [id_ for id_, *_ in found]) == (["old", "new"], ["new"])


async def test_what_poisons_one_is_parked_and_stops_nothing(seen, start, write, platform):
    found, note = seen

    async def choke(record, changed):
        if changed.id == "poison":
            raise KeyError("张三")
        await note(record, changed)

    others = []

    async def note_other(record, changed):
        others.append(changed.id)

    await start(app("one", choke), app("two", note_other))
    await write("a", "poison", "b")
    await until(lambda: said(others == ["a", "poison", "b"] and ("b", 1, "created", None) in found))
    async with platform.pool.connection() as connection:
        parked = await feed.parked(connection)
    assert [(one.reader, one.reason) for one in parked] == [("app/one/follow", "KeyError")]


TASK = {
    "resourceType": "Task", "status": "requested", "intent": "order",
    "code": {"coding": [{"system": "urn:kangyun:task", "code": "welcome"}]},
}  # fmt: skip


async def welcome(record, changed):
    reference = {"reference": f"Patient/{changed.id}"}
    identifier = [{"system": "urn:kangyun:welcome", "value": changed.id}]
    task = TASK | {"for": reference, "identifier": identifier}
    for _ in range(2):  # As if it were given the change again.
        await record.create(task, unless=f"identifier=urn:kangyun:welcome|{changed.id}")


async def test_what_it_writes_is_its_own_one_deeper_and_made_once(start, write, platform):
    reads = frozenset({"Patient", "Task"})
    await start(app("one", welcome, reads=reads, writes=frozenset({"Task:welcome"})))
    await write("a")
    record = await platform.gate.open(LI, Circumstances("GET /Task", "", "r2"))

    async def tasks():
        return (await record.search(await record.read_query("Task", []))).matches

    async def is_there():
        return len(await tasks()) == 1

    await until(is_there)
    async with platform.pool.connection() as connection:
        rows = await connection.fetch("SELECT actor, purpose, depth, origin FROM commit WHERE depth > 0")
    assert [tuple(row) for row in rows] == [("Device/app-one", "TREAT", 1, "app/one/follow")]


async def test_what_it_does_not_declare_is_parked(start, write, platform):
    await start(app("one", welcome, reads=frozenset({"Patient", "Task"})))
    await write("a")

    async def reasons():
        async with platform.pool.connection() as connection:
            return [one.reason for one in await feed.parked(connection)]

    async def is_parked():
        return await reasons() == ["access.apps.undeclared-write"]

    await until(is_parked)


async def test_two_that_react_to_each_other_come_to_an_end(start, write):
    calls = []

    async def echo(record, changed):
        calls.append(changed.version)
        await record.read("Patient", changed.id)
        again = changed.resource | {"name": [{"family": f"v{changed.version}"}]}
        await record.commit(again)

    writes = {"writes": frozenset({"Patient"})}
    await start(app("one", echo, **writes), app("two", echo, **writes))
    await write("a")
    count = -1
    while count != len(calls):
        count = len(calls)
        await asyncio.sleep(1.0)
    assert 2 <= count < 200
