"""`kangyun device`: the register of devices from a terminal, by the operations that officers call.

As for the other registers, whoever may use this terminal has the root key and the database; who says to act (`--by`)
stands in the audit trail.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kangyun.access.actor import Circumstances
from kangyun.access.operations.model import Call
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.signin import ADMINISTRATOR
from kangyun.access.staff import read_sheet, report, template
from kangyun.base import clock
from kangyun.base.errors import Conflict, Invalid
from kangyun.base.texts import say
from kangyun.cli.opened import on_platform
from kangyun.cli.registers import acting
from kangyun.cli.speech import announce, language, speak
from kangyun.cli.staff import beside, write_new
from kangyun.devices import formats
from kangyun.devices.register import health as healths
from kangyun.devices.register import lists, rows
from kangyun.devices.register.credentials import digester
from kangyun.devices.register.enrolling import Outcome, enrol, handed_out
from kangyun.devices.register.kinds import kinds
from kangyun.devices.register.labels import labels
from kangyun.devices.register.operations import looking, officers
from kangyun.devices.register.operations.parts import content, text
from kangyun.devices.register.sentences import STAFF, sentence
from kangyun.fhir import Resource

Result = TypeVar("Result")
ABOUT = Circumstances("device", "", "")
_ACTS: dict[str, Callable[[Record, Call], Awaitable[Resource]]] = {
    "rotate": officers.rotate, "revoke": officers.revoke, "stop": officers.revoke, "resume": officers.resume,
    "claim-code": officers.claim_code,
}  # fmt: skip


def write_template(file: Path) -> None:
    """Writes the empty list."""
    listed = lists.the_list()
    write_new(file, template(listed.column, listed.note, listed.title))
    announce(speak("cli.staff-written", file=str(file)))


def enrol_file(data: Path | None, file: Path, institution: str, by: str, *, dry_run: bool) -> int:
    """Carries a list out, or says what would become of it. Returns 0, or 1 where a row is wrong.

    Secrets and claim codes go to a workbook of mode 0600 beside the list, labels to a page to print; or the rows that
    are wrong, each with its reasons.
    """
    try:
        sheet = read_sheet(file.read_bytes(), lists.the_list().needed)
    except OSError:
        raise Invalid("cli.wrong-file", file=str(file)) from None
    told = beside(file, "try" if dry_run else "done")
    page = beside(file, "labels", "html")

    async def carry_out(record: Record) -> Outcome:
        digests = digester(record.store.keys.index_key)
        return await enrol(record, digests, sheet, formats.names(), dry_run=dry_run)

    outcome = _run(data, institution, by, carry_out)
    refused = [
        (row, " ".join(say(issue.text, language(), issue.parameters) for issue in issues))
        for row, issues in outcome.refused
    ]
    for _, wrong in refused:
        announce(wrong, style="red")
    key = "cli.device-enrolled" if outcome.written else "cli.device-would-enrol"
    announce(speak(key, count=outcome.count, same=outcome.same, refused=len(refused)))
    if refused:
        write_new(told, report(sheet.header, refused, []))
        announce(speak("cli.staff-written", file=str(told)))
    if outcome.made:
        write_new(told, handed_out(outcome.made))
        write_new(page, labels(outcome.made).encode())
        announce(speak("cli.device-secrets", file=str(told), labels=str(page)))
    return 1 if refused else 0


def list_devices(data: Path | None, institution: str | None, state: str | None) -> None:
    """Prints a line for each device."""

    async def do(record: Record) -> None:
        now = clock.now()
        for one in await _fleet(record, institution):
            known = healths.state_of(one, kinds(), now)
            if state is None or state == known:
                called = say(f"devices.register.state-{known}", language())
                announce(f"{one.name}  {kinds().of(one.kind).name(language())}  {one.model}  {one.serial}  {called}")

    _look(data, do)


def show(data: Path | None, name: str) -> None:
    """Prints how a device is, by what it may connect, its history and what was refused. Raises NotFound."""

    async def do(record: Record) -> None:
        now, zone = clock.now(), record.store.zone
        async with record.store.pool.connection() as connection:
            row = await rows.by_name(connection, name)
            health = await healths.of_device(connection, row.id)
            credentials = await connection.fetch(_CREDENTIALS, row.id)
            history = await connection.fetch(_HISTORY, row.id)
            refused = await healths.refusals(connection, row.id, now.date().replace(day=1))
        await record.leave_row("device-show", 200, [])
        assert health is not None
        announce(f"{row.name}  {row.house}  hr1/{row.region}/{row.name}/…  {row.format}")
        announce(sentence(health, STAFF, kinds(), language(), now, zone))
        seen = [f"{one.astimezone(zone):%Y-%m-%d %H:%M}" if one else "—" for one in (health.heard, health.reading)]
        battery = "—" if health.battery is None else f"{health.battery:g}"
        announce(speak("cli.device-seen", heard=seen[0], reading=seen[1], battery=battery))
        for one in (*credentials, *history):
            until = f"→ {one['until'].astimezone(zone):%Y-%m-%d %H:%M}" if one["until"] else ""
            at = f"{one['at'].astimezone(zone):%Y-%m-%d %H:%M}"
            announce("  ".join(word for word in (at, one["what"], one["by"], one["why"], until) if word))
        for one in refused:
            announce(f"{one['last'].astimezone(zone):%Y-%m-%d %H:%M}  {one['reason']}  {one['place']}  ×{one['count']}")

    _look(data, do)


def count(data: Path | None, institution: str | None, xlsx: Path | None) -> None:
    """Prints how many devices are in each state, and writes the list of all."""
    if xlsx is not None and xlsx.exists():
        raise Conflict("cli.staff-exists", file=str(xlsx))

    async def do(record: Record) -> None:
        now = clock.now()
        stated = [(one, healths.state_of(one, kinds(), now)) for one in await _fleet(record, institution)]
        counted = Counter(state for _, state in stated)
        announce(speak("cli.device-total", count=len(stated)))
        for state in healths.STATES:
            announce(f"{say(f'devices.register.state-{state}', language())}  {counted[state]}")
        if xlsx is not None:
            write_new(xlsx, looking.fleet_list(stated, now, record))
            announce(speak("cli.staff-written", file=str(xlsx)))

    _look(data, do)


def act(data: Path | None, name: str, by: str, what: str, *, why: str = "", overlap: int | None = None) -> None:
    """Does with a device what an officer may, and prints what comes of it. Raises as the operations do."""
    given: list[Resource] = [text("reason", why)] if why else []
    given += [{"name": "overlap-hours", "valueInteger": overlap}] if overlap is not None else []
    given += [{"name": "for-good", "valueBoolean": what == "revoke"}] if what in ("revoke", "stop") else []

    async def do(record: Record) -> Resource:
        async with record.store.pool.connection() as connection:
            row = await rows.by_name(connection, name)
        return await _ACTS[what](record, _call(given, record.store.ids.id_of(row.resource)))

    _say(_run(data, ADMINISTRATOR.institution, by, do))


def make_batch(data: Path | None, name: str, institution: str, by: str) -> None:
    """Makes a batch and prints its key. Raises Conflict."""
    _say(_run(data, institution, by, lambda record: officers.batch(record, _call([text("name", name)]))))


def add_authority(data: Path | None, file: Path, institution: str, by: str) -> None:
    """Registers an authority of certificates. Raises Invalid, Conflict."""
    try:
        body = file.read_bytes()
        pem = body.lstrip().startswith(b"-----")
        shown = x509.load_pem_x509_certificate(body) if pem else x509.load_der_x509_certificate(body)
    except (OSError, ValueError):
        raise Invalid("cli.wrong-file", file=str(file)) from None
    given = [content("certificate", shown.public_bytes(Encoding.DER))]
    _say(_run(data, institution, by, lambda record: officers.authority(record, _call(given))))


def _call(given: list[Resource], id_: str | None = None) -> Call:
    return Call("Device", id_, {"resourceType": "Parameters", "parameter": given}, language())


def _say(answer: Resource) -> None:
    for one in answer["parameter"]:
        value: Any = next(value for name, value in one.items() if name != "name")
        announce(f"{one['name']}: {value.get('display', '') if isinstance(value, dict) else value}")


async def _fleet(record: Record, institution: str | None) -> list[healths.Health]:
    found = await looking.fleet_of(record)
    if institution is not None:
        async with record.store.pool.connection() as connection:
            own = {row["id"] for row in await connection.fetch(_OF_HOUSE, institution)}
        found = [one for one in found if one.device in own]
    await record.leave_row("device-fleet", 200, [])
    return found


def _look(data: Path | None, do: Callable[[Record], Awaitable[None]]) -> None:
    async def look(platform: Platform) -> None:
        await do(await platform.gate.open(ADMINISTRATOR, ABOUT))

    on_platform(data, look)


def _run(data: Path | None, institution: str, by: str, do: Callable[[Record], Awaitable[Result]]) -> Result:
    async def carry_out(platform: Platform) -> Result:
        if not institution.startswith("Organization/"):
            raise Invalid("cli.device-institution")
        actor = replace(ADMINISTRATOR, reference=await acting(platform, by), institution=institution)
        return await do(await platform.gate.open(actor, ABOUT))

    return on_platform(data, carry_out)


_CREDENTIALS = """
SELECT since AS at, kind AS what, by, '' AS why, until FROM device_credential WHERE device = $1 ORDER BY since
"""
_HISTORY = """
SELECT at, act AS what, by, why, NULL::timestamptz AS until FROM device_history
WHERE device = $1 ORDER BY at DESC LIMIT 50
"""
_OF_HOUSE = """
SELECT d.id FROM device AS d JOIN institution AS i ON i.id = d.institution WHERE i.reference = $1
"""
