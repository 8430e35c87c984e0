"""这次是谁量的？ asked of who may know, and his answer."""

from collections.abc import Callable, Sequence

from kangyun.access.events.rows import standing
from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Forbidden, NotFound
from kangyun.base.texts import say
from kangyun.devices.register import questions, rows
from kangyun.devices.register.kinds import kinds
from kangyun.devices.register.operations.looking import seen_registrations
from kangyun.devices.register.operations.parts import at, count, reference, text
from kangyun.devices.register.questions import Mover, Question
from kangyun.devices.register.rights import GIVING, current_holders, numbers_of, users_seen, who
from kangyun.fhir import Resource
from kangyun.fhir.human_name import name_of
from kangyun.fhir.terminology.operations.parameters import Inputs

NOBODY = "nobody"
"""In place of a Patient: somebody else pressed it, who does not use the device."""


async def who_questions(record: Record, call: Call) -> Resource:
    """Returns what is asked about devices of a resident: which reading, and who it may have been. Raises NotFound."""
    if record.actor.role not in GIVING:
        raise Forbidden("devices.register.not-giving")
    holders = await seen_registrations(record, str(call.id))
    async with record.store.pool.connection() as connection:
        found = await questions.open_for(connection, holders)
        users = {one.id: await current_holders(connection, one.device, one.at) for one in found}
        devices = {one.device: await rows.by_number(connection, one.device) for one in found}
    concerned = sorted({user for several in users.values() for user in several})
    seen = await _named(record, await users_seen(record, concerned))
    await record.leave_row("who-questions", 200, holders)
    return parameters(*(
        _shown(record, one, kinds().of(devices[one.device].kind).name(call.language), users[one.id], seen, call)
        for one in found
    ))  # fmt: skip


async def answer_who(mover: Callable[[Record], Mover], record: Record, call: Call) -> Resource:
    """Says whose a reading was. Raises Forbidden, NotFound, Conflict, Invalid.

    Who answers must see one of those who used the device then, and the one whom he names.
    """
    record.in_person()
    if record.actor.role not in GIVING:
        raise Forbidden("devices.register.not-giving")
    inputs = Inputs.of(call.parameters, frozenset({"question", "patient"}))
    number, named = inputs.count("question"), (inputs.text("patient") or "").removeprefix("Patient/")
    holder = None if named == NOBODY else (await numbers_of(record, [named]))[0]
    async with record.store.pool.connection() as connection, connection.transaction():
        asked = await questions.one(connection, number or 0)
        users = await current_holders(connection, asked.device, asked.at)
        if not await users_seen(record, users):
            raise NotFound("devices.register.no-such-question")
        answered = await questions.answer(connection, asked.id, holder, users, who(record.actor), mover(record))
        await record.leave_row_within(connection, "answer-who", 200, users if holder is None else [holder])
    return parameters(count("question", answered.id), *at("answered", answered.answered))


async def _named(record: Record, users: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Returns reference and name of those who are seen, as they are shown to the actor: masked, to staff."""
    async with record.store.pool.connection() as connection:
        found = await standing(connection, record.store, set(users))
    shown = await record.shown(list(found.values()))
    return {one.res: (f"Patient/{one.id}", name_of(one.resource)) for one in shown}


def _shown(
    record: Record, asked: Question, device: str, users: Sequence[int], seen: dict[int, tuple[str, str]], call: Call
) -> Resource:  # fmt: skip
    when = asked.at.astimezone(record.store.zone).strftime("%Y-%m-%d %H:%M")
    said = say(
        f"devices.register.question-{asked.reason}", call.language,
        {"when": when, "device": device, "key": asked.key},
    )  # fmt: skip
    parts = [count("id", asked.id), text("text", said), {"name": "at", "valueInstant": clock.instant(asked.at)}]
    parts += [reference("who", *seen[user]) for user in users if user in seen]
    # That there are others is known to who shares a device with them; who they are is theirs to say.
    another = say("devices.register.another-user", call.language)
    parts += [text("who-else", another) for user in users if user not in seen]
    return {"name": "question", "part": parts}
