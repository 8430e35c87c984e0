"""`Patient/[id]/$erase`: erasing a resident's registrations for ever. Not an operation of the specification.

    reason    why, of 10 to 1,000 characters: makes a request
    patient   further registrations of the same resident, as ids or references; with `reason`
    request   the number of a request: shows it
    confirm   with `request`: true carries it out, for another officer than who made it; false takes it back

Who asks: administrators, and officers with the role security-administrator. Who confirms: another person, of the roles
that `confirms` of `approvals.toml` names, or an administrator. All of these see a request and take it back.
"""

from kangyun.access.erasing import ROLES, UNSAID, Erasing, Request
from kangyun.access.operations.model import Call, parameters
from kangyun.access.reasons import letters
from kangyun.access.record import Record
from kangyun.base.clock import instant
from kangyun.base.errors import Forbidden, Gone, Invalid, NotFound, PlatformError
from kangyun.base.statuses import status_of
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

KIND = "erase"
KNOWN = frozenset({"reason", "patient", "request", "confirm"})
SHORTEST_REASON, LONGEST_REASON = 10, 1_000
MOST_PATIENTS = 50


async def erase(record: Record, call: Call) -> Resource:
    """Makes, shows, confirms or takes back a request. Raises Forbidden, NotFound, Gone, Invalid, Conflict."""
    record.in_person()
    rule = record.gate.rules.get(KIND, UNSAID)
    may_ask = record.actor.administrator or record.actor.role in ROLES
    may_confirm = record.actor.administrator or record.actor.role in rule.confirms
    if not may_ask and not may_confirm:
        raise Forbidden("access.erasure-officers-only")
    inputs = Inputs.of(call.parameters, KNOWN)
    erasing = Erasing(record.store, record.ledger, rule)
    officer, number = record.actor.reference, inputs.count("request")
    reason = inputs.text("reason")
    if number is None:
        if not may_ask:
            raise Forbidden("access.erasure-asked-by", roles=", ".join(sorted(ROLES)))
        return await _ask(record, erasing, [str(call.id), *inputs.texts("patient")], reason, not inputs.all("confirm"))
    if reason is not None or inputs.texts("patient"):
        raise Invalid("access.erasure-request-or-reason")
    confirms = inputs.boolean("confirm", False) if inputs.all("confirm") else None
    request = await erasing.look(number)
    patient = await _patient(record, str(call.id))
    if patient not in request.patients:
        await record.leave_row("erase-look", 404, [patient])
        raise NotFound
    action = "erase-look" if confirms is None else "erase" if confirms else "erase-withdraw"
    try:
        if confirms:
            if not may_confirm:
                raise Forbidden("access.approvals.role", roles=", ".join(sorted(rule.confirms)))
            return _answer(await erasing.confirm(number, officer, record.audit_columns(action, 200)))
        if confirms is False:
            await erasing.withdraw(number, officer)
            request = await erasing.look(number)
    except PlatformError as error:
        await record.leave_row(action, status_of(error), sorted(request.patients))
        raise
    await record.leave_row(action, 200, sorted(request.patients))
    return _answer(request)


async def _ask(record: Record, erasing: Erasing, named: list[str], reason: str | None, alone: bool) -> Resource:
    if reason is None or not alone:
        raise Invalid("access.erasure-request-or-reason")
    if not SHORTEST_REASON <= len(reason.strip()) <= LONGEST_REASON or not letters(reason):
        raise Invalid("access.erasure-reason", least=SHORTEST_REASON, most=LONGEST_REASON)
    if len(named) > MOST_PATIENTS:
        raise Invalid("access.erasure-too-many", most=MOST_PATIENTS)
    patients: dict[int, str] = {}
    try:
        for id_ in [name.removeprefix("Patient/") for name in named]:
            patients[await _patient(record, id_, alive=True)] = f"Patient/{id_}"
        request = await erasing.ask(patients, record.actor.reference, reason.strip())
    except PlatformError as error:
        await record.leave_row("erase-ask", status_of(error), sorted(patients))
        raise
    await record.leave_row("erase-ask", 200, sorted(patients))
    return _answer(request)


async def _patient(record: Record, id_: str, *, alive: bool = False) -> int:
    """Returns the number of a Patient. alive: raises Gone for one that was erased."""
    store = record.store
    async with store.pool.connection() as connection:
        current = (await store.reader.locate(connection, [("Patient", id_)])).get(("Patient", id_))
    if current is None:
        raise NotFound
    if current.erased and alive:
        raise Gone("store.erased")
    return current.res


def _answer(request: Request) -> Resource:
    return parameters(
        {"name": "request", "valueInteger": request.id},
        {"name": "state", "valueCode": request.state},
        {"name": "asked", "valueInstant": instant(request.asked)},
        {"name": "askedBy", "valueString": request.asked_by},
        {"name": "reason", "valueString": request.reason},
        *({"name": "patient", "valueString": name} for name in request.names),
        {"name": "resources", "valueInteger": request.resources},
        *({"name": "remains", "valueString": f"{one.type}/{one.id}"} for one in request.others),
    )
