"""trace, and the present: now, today, timeOfDay.

There is no clock here: the instant comes from `Environment.now`, the same for the whole evaluation.

Source: FHIRPath Normative Release (2.0.0), section 5.9, http://hl7.org/fhirpath/N1/#utility-functions
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from kangyun.fhir.fhirpath.code import Code, Environment, Run, many
from kangyun.fhir.fhirpath.invocation import Invocation, function
from kangyun.fhir.fhirpath.paths import boxed
from kangyun.fhir.fhirpath.temporal import Temporal
from kangyun.fhir.fhirpath.types import DATE, DATE_TIME, NOTHING, TIME


@function("trace", least=1, most=2)
def trace(call: Invocation) -> Code:
    focus, name = call.focus, call.value(0)
    if focus.type == NOTHING:
        return focus
    shown = boxed(call.body(1)) if len(call.arguments) == 2 else None
    run, items_of, boxed_focus = focus.run, many(focus), boxed(focus)

    def tell(this: Any, env: Environment) -> None:
        if env.trace is not None:
            items = (
                boxed_focus(this, env)
                if shown is None
                else [found for item in items_of(this, env) for found in shown(item, env)]
            )
            env.trace(str(name(this, env)), items)

    def traced(run: Run) -> Run:
        def passed_on(this: Any, env: Environment) -> Any:
            tell(this, env)
            return run(this, env)

        return passed_on

    raw = None if focus.raw is None else traced(focus.raw)
    return Code(focus.type, focus.single, traced(run), ordered=focus.ordered, raw=raw)


def _now(call: Invocation, env: Environment) -> datetime:
    if env.now is None or env.now.tzinfo is None:
        raise call.invalid("no-clock")
    return env.now


def _time(now: datetime) -> tuple[int, int, Decimal]:
    return now.hour, now.minute, Decimal(f"{now.second}.{now.microsecond // 1000:03}")


def _zone(now: datetime) -> int:
    offset = now.utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) // 60


@function("now")
def now(call: Invocation) -> Code:
    def run(this: Any, env: Environment) -> Temporal:
        instant = _now(call, env)
        return Temporal("DateTime", (instant.year, instant.month, instant.day, *_time(instant)), _zone(instant))

    return Code(DATE_TIME, True, run)


@function("today")
def today(call: Invocation) -> Code:
    def run(this: Any, env: Environment) -> Temporal:
        instant = _now(call, env)
        return Temporal("Date", (instant.year, instant.month, instant.day))

    return Code(DATE, True, run)


@function("timeOfDay")
def time_of_day(call: Invocation) -> Code:
    return Code(TIME, True, lambda this, env: Temporal("Time", _time(_now(call, env))))
