"""`Patient/[id]/$show-code`, `Patient/$ask-word`, `Patient/$open-record`: a resident lets somebody look, here and now.

Operations of our own. The resident is named by id, or by an identifier that is written on him or what he carries.

code                  as it was read from the resident's telephone; or its digits, with the resident named
challenge, word       what `$ask-word` returned, and what the resident was sent and has said
reader                the card reader that has read the identifier: believed where the policy names the institution
"""

from kangyun.access.messages.senders import CHANNELS
from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.access.relations import stated
from kangyun.access.relations.whom import Resident, by_id, by_identifier
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid, NotFound, RuleBroken
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

OPEN = frozenset({"code", "word", "challenge", "reader", "identifier"})
ASK = frozenset({"identifier", "channel", "phone"})


async def show_code(record: Record, call: Call) -> Resource:
    """Returns a code that opens the record to who reads it. Raises Forbidden for who is not the resident."""
    Inputs.of(call.parameters, frozenset())
    assert call.id is not None
    if call.id not in record.actor.patients:  # Whether there is such a resident is not told.
        raise Forbidden("access.relations.not-your-code")
    code, digits = await stated.show(record, await by_id(record.store, call.id), call.id)
    return parameters(
        {"name": "code", "valueString": code},
        {"name": "digits", "valueString": digits},
        {"name": "minutes", "valueInteger": stated.SHOWN_MINUTES},
    )


async def ask_word(record: Record, call: Call) -> Resource:
    """Sends a word to the resident's telephone. Raises Forbidden, NotFound, RuleBroken, Throttled, Unavailable."""
    inputs = Inputs.of(call.parameters, ASK)
    channel = next((one for one in CHANNELS if one == (inputs.text("channel") or "sms")), None)
    if channel is None:
        raise Invalid("access.residents.channel", at="channel", channels=", ".join(CHANNELS))
    stated.ground_of(record, stated.WORD)
    # Whatever can be refused is looked at before the resident is: it would tell that there is one.
    phone = inputs.text("phone")
    said = None if phone is None else await stated.said_phone(record, phone)
    try:
        resident = await _named(record, call, inputs)
    except (
        NotFound
    ):  # Said alike of who is not there: an id or a number is no question whether there is such a resident.
        raise RuleBroken("access.relations.no-telephone") from None
    if resident is None:
        raise Invalid("access.relations.identifier", at="identifier")
    challenge = await stated.ask(record, resident, channel, said)
    return parameters(
        {"name": "challenge", "valueString": challenge},
        {"name": "minutes", "valueDecimal": record.gate.codes.limits.minutes},
    )


async def open_record(record: Record, call: Call) -> Resource:
    """Opens a record and says whose and until when. Raises Forbidden, NotFound, Invalid."""
    inputs = Inputs.of(call.parameters, OPEN)
    code, word, reader = inputs.text("code"), inputs.text("word"), inputs.text("reader")
    if sum(one is not None for one in (code, word, reader)) != 1:
        raise Invalid("access.relations.one-reason", at="code")
    stated.ground_of(record, stated.CARD if word is None else stated.WORD)
    if reader is not None:
        stated.believed(record, reader)
    try:
        resident = await _named(record, call, inputs)
    except NotFound:
        if reader is None:  # As of a code that is wrong.
            raise Forbidden("access.relations.wrong-code") from None
        raise
    if code is not None:
        done = await stated.open_by_code(record, code, resident)
    elif word is not None:
        done = await stated.open_by_word(record, inputs.text("challenge") or "", word, resident)
    elif resident is not None:
        done = await stated.open_by_reader(record, resident, reader or "")
    else:
        raise Invalid("access.relations.identifier", at="identifier")
    return parameters(
        *({"name": "patient", "valueReference": {"reference": f"Patient/{id_}"}} for id_ in done.resident.ids),
        {"name": "ground", "valueCode": done.ground},
        {"name": "until", "valueInstant": clock.instant(done.ends)},
    )


async def _named(record: Record, call: Call, inputs: Inputs) -> Resident | None:
    """Returns the resident that is named. Raises NotFound, Invalid."""
    identifier = inputs.text("identifier")
    if call.id is not None:
        return await by_id(record.store, call.id)
    if identifier is None:
        return None
    try:
        return await by_identifier(record.store, identifier, record.institution)
    except NotFound:
        raise NotFound("access.relations.no-resident") from None
