"""What is done with devices by people, as operations of our own: docs/devices/register.md.

by an officer  Device/$enrol, $device-batch, $device-authority, $fleet; Device/[id]/$claim-code, $rotate, $revoke,
               $resume, $certificate
by its users   Device/$claim, Device/[id]/$assign, $return; Patient/[id]/$who-questions, Device/$answer-who
by both        Device/[id]/$device-health, $device-refusals; Patient/[id]/$device-health
"""

from collections.abc import Callable, Collection
from functools import partial

from kangyun.access.operations.model import Input, Level, Operation
from kangyun.access.record import Record
from kangyun.devices.register.operations import asking, giving, looking, officers
from kangyun.devices.register.questions import Mover

_TYPE: frozenset[Level] = frozenset({"type"})
_INSTANCE: frozenset[Level] = frozenset({"instance"})
_DEVICE, _PATIENT = frozenset({"Device"}), frozenset({"Patient"})
_WHO = (Input("patient", "string"), Input("key", "string"))


def register_operations(
    mover: Callable[[Record], Mover], formats: Callable[[], Collection[str]]
) -> tuple[Operation, ...]:  # fmt: skip
    """Returns the operations. mover: what moves samples of a device to whose they are; formats: the names there are."""
    acts = (
        ("enrol", _TYPE, partial(officers.enrol_, formats), (
            Input("file", "base64Binary"), Input("dry-run", "boolean"),
        )),
        ("device-batch", _TYPE, officers.batch, (Input("name", "string"),)),
        ("device-authority", _TYPE, officers.authority, (Input("certificate", "base64Binary"),)),
        ("claim-code", _INSTANCE, officers.claim_code, ()),
        ("rotate", _INSTANCE, officers.rotate, (Input("overlap-hours", "integer"),)),
        ("revoke", _INSTANCE, officers.revoke, (Input("reason", "string"), Input("for-good", "boolean"))),
        ("resume", _INSTANCE, officers.resume, (Input("reason", "string"),)),
        ("certificate", _INSTANCE, officers.certificate, (
            Input("certificate", "base64Binary"), Input("subject", "string"),
        )),
        ("claim", _TYPE, giving.claim, (Input("code", "string"), *_WHO)),
        ("assign", _INSTANCE, giving.assign, _WHO),
        ("return", _INSTANCE, giving.return_, (Input("why", "code"), Input("patient", "string"))),
        ("answer-who", _TYPE, partial(asking.answer_who, mover), (
            Input("question", "integer"), Input("patient", "string"),
        )),
    )  # fmt: skip
    looks = (
        ("fleet", _TYPE, looking.fleet, _DEVICE, (Input("state", "code", True), Input("as", "code"))),
        ("device-refusals", _INSTANCE, looking.device_refusals, _DEVICE, ()),
        ("device-health", _INSTANCE, looking.device_health, _DEVICE | _PATIENT, ()),
        ("who-questions", _INSTANCE, asking.who_questions, _PATIENT, ()),
    )  # fmt: skip
    return (
        *(
            Operation(name, levels, act, f"urn:kangyun:operation:{name}", inputs, _DEVICE, affects_state=True)
            for name, levels, act, inputs in acts
        ),
        *(
            Operation(name, levels, look, f"urn:kangyun:operation:{name}", inputs, types)
            for name, levels, look, types, inputs in looks
        ),
    )  # fmt: skip
