"""`python -m benchmarks.linked`: what twelve registrations of one resident cost, against one with the same resources.

Starts `kangyun up` on a new data folder, and writes a patient with 5,000 resources, a resident
of 12 registrations among whom the same 5,000 are shared out, and 30 others with 200 each. Then each question is asked
of both by turns: by the id of the patient and of the resident, or by a number that the registrations share. Every
answer must have the same total. With `--doctor` a doctor asks, whose every statement has the gate's condition. The bar
is 1.3 times the CPU, of server and database together.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import Lot, our_server
from benchmarks.bench import WIDTH, Bench, machine
from benchmarks.client import Connection
from benchmarks.gate import prepare, staff_sees_all
from benchmarks.load import User

BAR = 1.3
RESOURCES, REGISTRATIONS, OTHERS, OF_OTHERS = 5_000, 12, 30, 200
A_BUNDLE = 500
NUMBER = "urn:oid:2.16.156.10011.1.3"
SINGLE, LINKED = "11010519491231002X", "110101199003070011"
SIDES = ("single", "linked")
LIST = (
    "Observation?patient={id}", "Observation?subject=Patient/{id}&_count=100",
    "Observation?patient={id}&code=http://loinc.org|8480-6",
    "Observation?patient={id}&date=ge2024-06-01&date=lt2024-07-01",
    "Observation?patient={id}&_sort=date", "Observation?patient={id}&_summary=count",
    "Observation?patient={id}&code-value-quantity=http://loinc.org|8480-6$gt120",
    "Encounter?patient={id}&status=finished",
    "Condition?subject=Patient/{id}&code=http://hl7.org/fhir/sid/icd-10|I10", "Patient/{id}/Observation?_count=20",
)  # fmt: skip
QUESTIONS = {
    "search list": LIST,
    "chain": (
        "Observation?patient.identifier={number}", "Observation?encounter.patient={id}&_count=20",
        "Condition?encounter.subject:Patient.identifier={number}", "Observation?patient={id}&encounter.class=AMB",
        "Encounter?_has:Condition:encounter:patient={id}",
    ),
    "include": (
        "Observation?patient={id}&_include=Observation:encounter",
        "Encounter?patient={id}&_revinclude=Condition:encounter",
        "Observation?patient={id}&_include=Observation:patient", "Patient?_id={id}&_revinclude=Condition:patient",
    ),
    "everything, a page": ("Patient/{id}/$everything?_count=100",),
    "everything, whole": ("Patient/{id}/$everything",),
}  # fmt: skip


def resources(patients: Sequence[str], count: int) -> Iterator[dict[str, Any]]:
    """Gives resources shared out among Patients: of ten, one encounter, one condition, eight observations within it."""
    encounter, within = "", {}
    for nth in range(count):
        # Each ten are of one registration, as an institution writes them.
        subject = {"reference": f"Patient/{patients[nth // 10 % len(patients)]}"}
        day = f"2024-{nth % 12 + 1:02d}-{nth // 12 % 28 + 1:02d}"
        if nth % 10 == 0:
            encounter = f"e-{patients[nth // 10 % len(patients)]}-{nth}"
            within = {"reference": f"Encounter/{encounter}"}
            yield {"resourceType": "Encounter", "id": encounter, "status": "finished", "subject": subject,
                   "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
                   "period": {"start": day, "end": day}}  # fmt: skip
        elif nth % 10 == 1:
            coding = {"system": "http://hl7.org/fhir/sid/icd-10", "code": ("I10", "E11.9", "J06.9")[nth // 10 % 3]}
            yield {"resourceType": "Condition", "id": f"c-{encounter}", "subject": subject, "onsetDateTime": day,
                   "code": {"coding": [coding]}, "encounter": within}  # fmt: skip
        else:
            code = ("8480-6", "8462-4", "8867-4", "29463-7")[nth % 4]
            value = {"value": 60 + nth % 100, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
            yield {"resourceType": "Observation", "id": f"o-{nth}-{encounter}", "status": "final", "subject": subject,
                   "encounter": within, "effectiveDateTime": f"{day}T08:00:00+08:00", "valueQuantity": value,
                   "code": {"coding": [{"system": "http://loinc.org", "code": code}]}}  # fmt: skip


def patient(id_: str, name: str, birth: str, number: str | None) -> dict[str, Any]:
    """Returns a registration."""
    made: dict[str, Any] = {"resourceType": "Patient", "id": id_, "name": [{"text": name}], "birthDate": birth}
    if number:
        made["identifier"] = [{"system": NUMBER, "value": number}]
    return made


async def write(lot: Lot, made: Sequence[dict[str, Any]]) -> None:
    """Writes resources under their ids."""
    bench = Bench("linked", lot.server, lot.token)
    with Connection(bench.target) as connection:
        for begin in range(0, len(made), A_BUNDLE):
            entries = [
                {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
                for one in made[begin : begin + A_BUNDLE]
            ]
            body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            response = await connection.request("POST", "", json.dumps(body).encode())
            if response.status != 200:
                raise SystemExit(f"loading: {response.status} {response.body[:400]!r}")


async def load(lot: Lot) -> dict[str, str]:
    """Writes both sides and the others. Returns by side the id to ask by."""
    linked = [f"linked-{nth}" for nth in range(REGISTRATIONS)]
    await write(lot, [patient("single", "王建国", "1949-12-31", SINGLE)])
    await write(lot, [patient(id_, "李四", "1990-03-07", LINKED) for id_ in linked])
    others = [
        patient(f"other-{nth}", f"赵{chr(0x4E00 + nth * 37)}", f"19{50 + nth}-05-11", None) for nth in range(OTHERS)
    ]
    await write(lot, others)
    for ids, count in ((["single"], RESOURCES), (linked, RESOURCES)):
        await write(lot, list(resources(ids, count)))
    for one in others:
        await write(lot, list(resources([one["id"]], OF_OTHERS)))
    bench = Bench("linked", lot.server, lot.token)
    with Connection(bench.target) as connection:
        said = json.loads((await connection.request("GET", "Patient/linked-0/$links")).body)["parameter"]
    registrations = [one for one in said if one["name"] == "registration"]
    if len(registrations) != REGISTRATIONS:
        raise SystemExit(f"{len(registrations)} registrations are linked")
    resident = next(one["valueReference"]["reference"] for one in said if one["name"] == "resident")
    return {"single": "single", "linked": resident.removeprefix("Patient/")}


class Asking:
    """Asks the questions of one kind, one after the other."""

    def __init__(self, bench: Bench, paths: Sequence[str]) -> None:
        self._requests = [bench.target.request("GET", path) for path in paths]
        self._next = 0

    async def iterate(self, user: User) -> None:
        """Asks the next."""
        await user.do("ask", self._requests[self._next % len(self._requests)])
        self._next += 1


def asked(kind: str, side: str, id_: str) -> list[str]:
    """Returns the paths of a kind of question about a side."""
    number = f"{NUMBER}|{SINGLE if side == 'single' else LINKED}"
    return [path.format(id=id_, number=number) for path in QUESTIONS[kind]]


async def totals(lot: Lot, ids: dict[str, str]) -> list[str]:
    """Returns the questions whose answers are not of as much: both sides have the same resources."""
    bench, wrong = Bench("linked", lot.server, lot.token), []
    with Connection(bench.target) as connection:
        for kind in QUESTIONS:
            for single, linked in zip(*(asked(kind, side, ids[side]) for side in SIDES), strict=True):
                told = []
                for path in (single, linked):
                    response = await connection.request("GET", path)
                    page = json.loads(response.body)
                    if response.status != 200:
                        wrong.append(f"{path}: {response.status}")
                    entries = page.get("entry", ())
                    others = sum(one["resource"]["resourceType"] == "Patient" for one in entries)
                    told.append((page.get("total"), len(entries) - others))
                # $everything counts the registrations among its members.
                same = told[0][1] == told[1][1] and (told[0][0] == told[1][0] or "everything" in single)
                if not same:
                    wrong.append(f"{single}: {told}")
    return wrong


async def measure(lot: Lot, ids: dict[str, str], rounds: int, apart: bool) -> dict[str, Any]:
    """Returns CPU-ms a request by kind and side, one figure a round. apart: of each question by itself."""
    bench = Bench("linked", lot.server, lot.token)
    works = {
        (kind if not apart else single): dict(zip(SIDES, both, strict=True))
        for kind in QUESTIONS
        for single, both in _questions(kind, ids, apart)
    }
    figures: dict[str, Any] = {}
    for _ in range(rounds):
        for name, sides in works.items():
            for side in SIDES:
                work = Asking(bench, sides[side])
                _, row = await bench.step(f"{name}, {side}", work.iterate, users=1, seconds=lot.seconds)
                kept = figures.setdefault(name, {}).setdefault(side, {"server": [], "database": [], "errors": 0})
                kept["server"].append(row.server_cpu or 0)
                kept["database"].append(row.database_cpu or 0)
                kept["errors"] += row.errors
    return figures


def _questions(kind: str, ids: dict[str, str], apart: bool) -> Iterator[tuple[str, list[list[str]]]]:
    both = [asked(kind, side, ids[side]) for side in SIDES]
    if apart:
        for paths in zip(*both, strict=True):
            yield paths[0], [[path] for path in paths]
    else:
        yield kind, both


def ratio(sides: dict[str, Any]) -> tuple[float, float, float]:
    """Returns CPU-ms of both sides, the least round each, and how many times the single one the linked one costs."""
    single, linked = (min(map(sum, zip(sides[side]["server"], sides[side]["database"], strict=True))) for side in SIDES)
    return single, linked, linked / single if single else 0.0


def main(
    seconds: Annotated[float, typer.Option(help="Of each step.")] = 4.0,
    rounds: Annotated[int, typer.Option(help="How often both sides take turns.")] = 3,
    apart: Annotated[bool, typer.Option(help="Each question by itself.")] = False,
    doctor: Annotated[bool, typer.Option(help="Asked by a doctor who sees what consents leave him.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of logs.")] = Path("results/bench"),
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Loads, compares the answers, and lets both sides ask by turns; exit status 1 where the bar is missed."""
    out.mkdir(parents=True, exist_ok=True)
    lot = Lot([], out, out, seconds)
    with our_server(lot, staff_sees_all if doctor else None):
        ids = asyncio.run(load(lot))
        if doctor:
            tokens, _ = asyncio.run(prepare(lot, 0))
            lot.token = tokens["doctor"]
        wrong = asyncio.run(totals(lot, ids))
        figures = asyncio.run(measure(lot, ids, rounds, apart))
    table = Table(title=f"{REGISTRATIONS} registrations against one: CPU ms, least of {rounds}", title_justify="left")
    for heading in ("", "single", "linked", "ratio", "errors"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, sides in figures.items():
        single, linked, times = ratio(sides)
        errors = sum(sides[side]["errors"] for side in SIDES)
        table.add_row(name, f"{single:.2f}", f"{linked:.2f}", f"{times:.2f}", f"{errors:,}")
    console = Console(width=WIDTH, highlight=False)
    console.print(table)
    for one in wrong:
        console.print(f"[red]not the same: {one}[/]")
    if output:
        told = {"machine": machine(), "bar": BAR, "wrong": wrong, "figures": figures}
        output.write_text(json.dumps(told, indent=1), "utf-8")
    failed = any(sides[side]["errors"] for sides in figures.values() for side in SIDES)
    raise typer.Exit(bool(wrong) or failed or any(ratio(sides)[2] > BAR for sides in figures.values()))


if __name__ == "__main__":
    typer.run(main)
