"""`python -m benchmarks.warnings`: how often rules warn, what they find of true episodes, and what they cost.

People are simulated (`simulate.physiology`), with true episodes and with the faults of devices. So the figures say how
the rules behave on such curves, by which they may be compared with each other from change to change. **They do not
transfer to people**: neither the false alarms nor the share that is found. Rhythms are learnt again each week of the
run, as `kangyun work` does each night; the first two weeks are for learning and are not counted.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from kangyun.devices.metrics import metrics
from kangyun.devices.model import Event, Mark
from kangyun.devices.signals import nights, places, rhythm, suspecting
from kangyun.devices.signals.forecast import SHARES, forecast
from kangyun.devices.signals.judging import Judge
from kangyun.devices.signals.limits import Facts
from kangyun.devices.signals.model import Group, Level, Warning
from kangyun.devices.signals.watchtable import watch_table
from kangyun.simulate import physiology
from kangyun.simulate.physiology import MINUTE, Body, Person, Span, Trace, faults, span
from kangyun.simulate.physiology.episodes import Episode, draw, happened, said, strayed

OFFSET = 8 * 60 * MINUTE
HOUR, DAY = 60 * MINUTE, 1440 * MINUTE
FIRST_DAY = 20_000
LEARNING = 14  # days
EXPECTED: Mapping[str, tuple[str, ...]] = {
    "hypertensive-crisis": ("blood-pressure-high",),
    "tachycardia": ("heart-rate-high", "heart-rate-unusual"),
    "irregular-pulse": ("pulse-irregular",),
    "infection": ("night-heart-rate", "heart-rate-unusual", "temperature-high", "news2", "heart-rate-high"),
    "hypoxia": ("spo2-low", "news2", "breathing-high"),
    "hypoglycaemia": ("glucose-low",),
    "fluid-gain": ("weight-gain",),
    "fall": ("fall",),
    "wandering": ("wandering",),
    "sos": ("sos",),
}
BEFORE: Mapping[str, int] = {"infection": 3 * DAY}
AFTER: Mapping[str, int] = {"irregular-pulse": DAY, "infection": DAY, "fluid-gain": 2 * DAY}
"""How long before its start and after its end a warning counts for an episode; else none before, and two hours."""


class Life(NamedTuple):
    """A person's run: what is sent, in order of arrival, and the truth."""

    person: Person
    of: Span
    group: Group
    received: np.ndarray
    events: list[tuple[int, str]]
    episodes: list[Episode]
    raw: dict[str, Trace]


def persons(count: int, seed: int) -> Iterator[Person]:
    """Gives people with the conditions that make their rules apply."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        age = float(rng.uniform(45, 90))
        ill = {name for name, share in SHARES_OF_ILL.items() if rng.random() < share}
        sex = "male" if rng.random() < 0.5 else "female"
        yield Person(number, age, sex, frozenset(ill), float(rng.uniform(0.5, 1)), seed=seed)


SHARES_OF_ILL = {"hypertension": 0.55, "diabetes": 0.25, "heart-failure": 0.12, "copd": 0.08, "dementia": 0.1}


def life(person: Person, days: int, rate: float, *, faulty: bool) -> Life:
    """Draws a run. rate: episodes of each kind per hundred days."""
    of = span(Body.of(person), FIRST_DAY, days)
    kinds = tuple(
        kind for kind in EXPECTED
        if (kind != "fluid-gain" or "heart-failure" in person.conditions)
        and (kind != "wandering" or "dementia" in person.conditions)
        and (kind != "hypoglycaemia" or "diabetes" in person.conditions)
    )  # fmt: skip
    episodes = draw(of, rate, kinds)  # type: ignore[arg-type]
    traces = [
        physiology.heart_rate(of), physiology.spo2(of), physiology.temperature(of), physiology.respiratory_rate(of),
        *physiology.pressure(of), physiology.weight(of), physiology.battery(of),
    ]  # fmt: skip
    if "diabetes" in person.conditions:
        traces.append(physiology.glucose(of))
    traces = [happened(trace, episodes, of) for trace in traces] + [physiology.steps(of)]
    if "dementia" in person.conditions:
        traces += strayed(*physiology.positions(of), episodes, of)
    raw = {trace.metric: trace for trace in traces}
    arrived = [_sent(trace, of, faulty=faulty) for trace in traces]
    number = {name: one.number for name, one in metrics().items()}
    count = [len(one.at) for one in arrived]
    metric = np.repeat([number[one.metric] for one in arrived], count)
    at, value = np.concatenate([one.at for one in arrived]), np.concatenate([one.value for one in arrived])
    received = np.concatenate([one.received for one in arrived])
    _, first = np.unique(np.stack([metric, at]), axis=1, return_index=True)
    new = np.zeros(len(at), bool)
    new[first] = True
    late = np.where(received - at > 15 * MINUTE, int(Mark.LATE), 0)
    holder = np.full(len(at), person.number)
    group = Group(holder, holder * 100 + metric, metric, at, value, late, new)
    order = np.argsort(received, kind="stable")
    return Life(person, of, group.take(order), received[order], _events(episodes, of, faulty), episodes, raw)


def _events(episodes: list[Episode], of: Span, faulty: bool) -> list[tuple[int, str]]:
    found = [(at, kind) for kind, at in said(episodes)]
    if faulty:  # A watch that is put down hard: once in fifty days says that it fell.
        rng = of.rng(201)
        found += [(int(rng.choice(of.at)), "fall") for _ in range(rng.poisson(of.days / 50))]
    return sorted(found)


def _sent(trace: Trace, of: Span, *, faulty: bool) -> faults.Arrived:
    if not faulty:
        return faults.Arrived.at_once(trace)
    rng = of.rng(200 + metrics()[trace.metric].number)
    wild = {"heart-rate": 25, "spo2": 6, "respiratory-rate": 6, "body-temperature": 0.8}.get(trace.metric)
    if wild is not None:
        trace = faults.noisy(trace, rng, wild, 0.02)
        for day in rng.choice(of.days, of.days // 4, replace=False):
            start = int(of.at[0]) + int(day) * DAY + int(rng.uniform(6, 22) * HOUR)
            floor = {"heart-rate": 30.0, "spo2": 70.0, "body-temperature": 31.0}.get(trace.metric, 4.0)
            trace = faults.off_body(trace, rng, start, start + 40 * MINUTE, floor)
        start = int(rng.choice(of.at))
        trace = faults.stuck(trace, start, start + 2 * HOUR)
    arrived = faults.Arrived.at_once(trace)
    for _ in range(of.days // 20):
        start = int(rng.choice(of.at))
        arrived = faults.outage(arrived, start, start + 6 * HOUR)
    return faults.repeated(arrived, rng)


def run(lives: list[Life], days: int) -> tuple[list[Warning], float, int]:
    """Judges all by hours of arrival. Returns the warnings, the CPU seconds and the samples."""
    judge = Judge()
    for one in lives:
        # What a doctor would have set.
        ill = one.person.conditions & {"heart-failure", "dementia"}
        facts = Facts(one.person.age, ill | {"spo2-scale-2"} if "copd" in one.person.conditions else ill)
        judge.memory.learn(judge.memory.place(one.person.number), facts)
    everything = Group(*(np.concatenate(column) for column in zip(*(one.group for one in lives), strict=True)))
    received = np.concatenate([one.received for one in lives])
    order = np.argsort(received, kind="stable")
    everything, received = everything.take(order), received[order]
    events = sorted((at, one.person.number, kind) for one in lives for at, kind in one.events)
    warnings: list[Warning] = []
    spent = 0.0
    for day in range(days + 1):
        start = int(lives[0].of.at[0]) + day * DAY
        if day % 7 == 0 and day:
            for one in lives:
                learn(judge, one, start)
        for hour in range(24):
            edges = np.searchsorted(received, [start + hour * HOUR, start + (hour + 1) * HOUR])
            told = [
                (number, Event(kind, at)) for at, number, kind in events
                if start + hour * HOUR <= at < start + (hour + 1) * HOUR
            ]  # fmt: skip
            begun = time.process_time()
            warnings += judge.judge(everything.take(slice(*edges)), told)
            spent += time.process_time() - begun
    for one in lives:
        warnings += by_night(one)
    return warnings, spent, len(everything)


def learn(judge: Judge, one: Life, until: int) -> None:
    """Learns a person's rhythm and area of what was measured before."""
    heart = one.raw["heart-rate"]
    chosen = heart.at < until
    learnt = rhythm.learn("heart-rate", *rhythm.hourly(heart.at[chosen], heart.value[chosen], OFFSET))
    place = judge.memory.place(one.person.number)
    judge.memory.band[place] = rhythm.upper(learnt.middle, learnt.spread, learnt.days).reshape(2, 24)
    if "latitude" in one.raw:
        north, east = one.raw["latitude"], one.raw["longitude"]
        before = north.at < until
        night = (north.at[before] + OFFSET) // HOUR % 24 < 5
        area = places.usual_area(north.value[before], east.value[before], night)
        if area is not None:
            judge.memory.area[place] = area


def by_night(one: Life) -> Iterator[Warning]:
    """Gives what is found by night, as the nightly work would."""
    table, heart, steps = watch_table(), one.raw["heart-rate"], one.raw["steps"]
    walked = steps.at[steps.value > 0]
    last: dict[str, int] = {}

    def found(rule: str, at: int, silent: int) -> Iterator[Warning]:
        if at - last.get(rule, -(1 << 60)) >= silent * DAY:
            last[rule] = at
            yield Warning(rule=rule, level=Level.YELLOW, holder=one.person.number, at=at, since=at)

    resting = nights.resting(heart.at, heart.value, walked, OFFSET, table.night)
    for night in nights.judged(list(resting.items()), table.night):
        if night.state == "red":
            yield from found("night-heart-rate", night.day * DAY - OFFSET + 7 * HOUR, 2)
    hours, _ = suspecting.uneven_hours(heart.at, heart.value, walked, table.pulse)
    days, counts = np.unique((hours * HOUR + OFFSET) // DAY, return_counts=True)
    for day in days[counts >= table.pulse.fewest_hours].tolist():
        yield from found("pulse-irregular", (day + 1) * DAY - OFFSET + 7 * HOUR, 7)


def windows(one: Life) -> list[tuple[Episode, int, int]]:
    """Returns from when until when a warning belongs to an episode."""
    return [
        (each, each.start - BEFORE.get(each.kind, 0), each.end + AFTER.get(each.kind, 2 * HOUR))
        for each in one.episodes
    ]


def figures(lives: list[Life], warnings: list[Warning], days: int) -> dict[str, Any]:
    """Returns what the warnings come to."""
    first = int(lives[0].of.at[0]) + LEARNING * DAY
    counted = [one for one in warnings if one.at >= first]
    by_person: dict[int, list[Warning]] = defaultdict(list)
    for warning in counted:
        by_person[warning.holder].append(warning)
    person_days = len(lives) * (days - LEARNING)
    false: Counter[tuple[str, str]] = Counter()
    all_: Counter[tuple[str, str]] = Counter()
    kinds: dict[str, dict[str, Any]] = {kind: {"episodes": 0, "found": 0, "minutes": []} for kind in EXPECTED}
    for one in lives:
        spans = windows(one)
        for warning in by_person[one.person.number]:
            key = warning.rule, warning.level.name.lower()
            all_[key] += 1
            # Any warning within any episode's time is about something true, and a battery is really low.
            if warning.rule != "battery-low" and not any(start <= warning.at <= end for _, start, end in spans):
                false[key] += 1
        for episode, start, end in spans:
            mine = kinds[episode.kind]
            mine["episodes"] += 1
            hits = [
                warning for warning in by_person[one.person.number]
                if start <= warning.at <= end and {warning.rule, *warning.also} & set(EXPECTED[episode.kind])
            ]  # fmt: skip
            if hits:
                mine["found"] += 1
                mine["minutes"].append((min(hit.at for hit in hits) - episode.start) / MINUTE)
    for mine in kinds.values():
        mine["median_minutes_after_start"] = round(float(np.median(mine["minutes"])), 1) if mine["minutes"] else None
        del mine["minutes"]
    paging = sum(count for (_, level), count in false.items() if level in ("red", "amber"))
    return {
        "person_days": person_days,
        "alerts_per_100_person_days": _rates(all_, person_days),
        "false_per_100_person_days": _rates(false, person_days),
        "false_alarms_an_hour": round(sum(false.values()) / person_days / 24, 5),
        "false_red_or_amber_per_100_person_days": round(paging / person_days * 100, 2),
        "episodes": kinds,
    }  # fmt: skip


def _rates(counts: Counter[tuple[str, str]], person_days: int) -> dict[str, float]:
    return {f"{rule} {level}": round(count / person_days * 100, 2) for (rule, level), count in sorted(counts.items())}


def coverage(lives: list[Life], days: int) -> dict[str, Any]:
    """Returns how often forecasts of the heart rate (24 hours) and of the pressure (3 days) held."""
    hours: dict[float, list[float]] = {share: [] for share in SHARES}
    means: dict[float, list[float]] = {share: [] for share in SHARES}
    for one in lives:
        heart = one.raw["heart-rate"]
        _share(hours, *hourly_rest(heart, days), 24)
        _share(means, *daily_rest(one.raw["systolic-home"], days), 3)
    return {
        "heart_rate_24_hours": {str(share): round(float(np.mean(each)), 3) for share, each in hours.items() if each},
        "systolic_3_days": {str(share): round(float(np.mean(each)), 3) for share, each in means.items() if each},
    }  # fmt: skip


def hourly_rest(trace: Trace, days: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns hourly medians less the rhythm that was learnt of the first part, and from which hour on to forecast."""
    day, hour, value = rhythm.hourly(trace.at, trace.value, OFFSET)
    split = int(day[0]) + days - 10
    learnt = rhythm.learn(trace.metric, day[day < split], hour[day < split], value[day < split])
    rest = value - learnt.middle[hour + 24 * ((day + 3) % 7 >= 5)]
    before = day < split
    rest[before] = rhythm.deviations(trace.metric, day[before], hour[before], value[before])
    return rest, np.flatnonzero(day >= split)[::24]


def daily_rest(trace: Trace, days: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns daily means less the median of the first part, NaN of days without, and from which day on to forecast."""
    day = (trace.at + OFFSET) // DAY - FIRST_DAY
    rest = np.full(days, np.nan)
    for each in np.unique(day[(day >= 0) & (day < days)]):
        rest[each] = trace.value[day == each].mean()
    return rest - np.nanmedian(rest[: days - 10]), np.arange(days - 10, days)


def _share(found: dict[float, list[float]], rest: np.ndarray, begins: np.ndarray, steps: int) -> None:
    for begin in begins.tolist():
        truth = rest[begin : begin + steps]
        made = forecast(rest[:begin], np.zeros(len(truth)))
        for place, share in enumerate(SHARES):
            known = ~np.isnan(truth) & ~np.isnan(made.low[place])
            found[share] += ((truth >= made.low[place]) & (truth <= made.high[place]))[known].tolist()


def cost(people: int, seed: int) -> dict[str, float]:
    """Returns CPU-microseconds a sample, of groups of one minute of many people, and what is remembered of one."""
    lives = [life(one, 2, 0.0, faulty=False) for one in persons(50, seed)]
    judge, spent, samples = Judge(), 0.0, 0
    start = int(lives[0].of.at[0]) + DAY // 2
    for minute in range(30):
        parts = []
        for copy in range(people // 50):
            for one in lives:
                inside = (one.group.at >= start + minute * MINUTE) & (one.group.at < start + (minute + 1) * MINUTE)
                part = one.group.take(inside)
                parts.append(replace(part, holder=part.holder + copy * 1000))
        group = Group(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        begun = time.process_time()
        judge.judge(group)
        if minute >= 5:  # The first minutes are for getting to know everybody.
            spent, samples = spent + time.process_time() - begun, samples + len(group)
    return {"cpu_us_per_sample": round(spent / samples * 1e6, 2), "bytes_a_person": round(judge.memory.bytes_each)}


def main(
    people: Annotated[int, typer.Option(help="simulated people")] = 60,
    days: Annotated[int, typer.Option(help="days of each")] = 60,
    rate: Annotated[float, typer.Option(help="episodes of each kind per hundred days")] = 4.0,
    seed: Annotated[int, typer.Option(help="of chance")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="where to write the figures")] = None,
) -> None:
    """Measures warnings on simulated people, without and with the faults of devices."""
    console = Console(width=WIDTH)
    result: dict[str, Any] = {"machine": machine(), "simulated": True, "people": people, "days": days, "seed": seed}
    for faulty in (False, True):
        lives = [life(one, days, rate, faulty=faulty) for one in persons(people, seed)]
        warnings, spent, samples = run(lives, days)
        name = "with faults" if faulty else "without faults"
        result[name] = figures(lives, warnings, days) | {"samples": samples, "cpu_us": round(spent / samples * 1e6, 2)}
        if not faulty:
            result["coverage"] = coverage(lives, days)
        show(console, name, result[name])
    result["cost"] = cost(5_000, seed)
    console.print(f"forecasts held: {result['coverage']}")
    console.print(f"cost: {result['cost']}")
    console.print("Simulated people: these figures do not transfer.")
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=1), "utf-8")


def show(console: Console, name: str, found: dict[str, Any]) -> None:
    """Prints what was found."""
    table = Table(title=f"Simulated people, {name}: {found['person_days']} person-days")
    for column in ("rule and level", "alerts / 100 days", "of these false"):
        table.add_column(column)
    for rule, alerts in found["alerts_per_100_person_days"].items():
        table.add_row(rule, str(alerts), str(found["false_per_100_person_days"].get(rule, 0)))
    console.print(table)
    table = Table(title="True episodes")
    for column in ("kind", "episodes", "found", "median minutes after its start"):
        table.add_column(column)
    for kind, one in found["episodes"].items():
        table.add_row(kind, str(one["episodes"]), str(one["found"]), str(one["median_minutes_after_start"]))
    console.print(table)
    console.print(
        f"false alarms an hour {found['false_alarms_an_hour']}, false red or amber per 100 person-days "
        f"{found['false_red_or_amber_per_100_person_days']}, CPU-µs a sample {found['cpu_us']}"
    )


if __name__ == "__main__":
    typer.run(main)
