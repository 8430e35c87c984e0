"""`python -m benchmarks.documents`: documents of WS/T 500 read and written, CPU ms each. Nothing is stored.

A stay is made up: a patient, an encounter, diagnoses, drugs, an operation, and so many laboratory results. Each kind
is written of it, held against our rules, and read in again.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from kangyun.exchange.cda.checking import check
from kangyun.exchange.cda.reading import Feed, read
from kangyun.exchange.cda.writing import write

KINDS = ("C0007", "C0032", "C0053", "C0004", "C0009", "HSDC00.03")
ABOUT = {"subject": {"reference": "Patient/p"}, "encounter": {"reference": "Encounter/e"}}
ICD = "urn:oid:2.16.156.10011.2.3.3.11"
HL7 = "http://terminology.hl7.org/CodeSystem/"


def main(
    results: Annotated[int, typer.Option(help="Laboratory results of the stay.")] = 30,
    times: Annotated[int, typer.Option(help="How often each is done.")] = 200,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Prints size and CPU of each kind."""
    feed = Feed("h990102", "Organization/h990102")
    record = stay(results)
    table = Table(
        "document", "KB", "resources read", "write, CPU ms", "check, CPU ms", "read, CPU ms", title="documents"
    )
    figures: dict[str, Any] = {}
    for kind in KINDS:
        raw = write(kind, record)
        figures[kind] = {
            "bytes": len(raw), "resources": len(read(raw, "a.xml", feed).entries),
            "write_ms": _cpu(lambda kind=kind: write(kind, record), times),  # type: ignore[misc]
            "check_ms": _cpu(lambda raw=raw: check(raw), times),  # type: ignore[misc]
            "read_ms": _cpu(lambda raw=raw: read(raw, "a.xml", feed), times),  # type: ignore[misc]
        }  # fmt: skip
        row = figures[kind]
        table.add_row(
            kind, f"{row['bytes'] / 1024:.1f}", str(row["resources"]), f"{row['write_ms']:.2f}",
            f"{row['check_ms']:.2f}", f"{row['read_ms']:.2f}",
        )  # fmt: skip
    Console(highlight=False, width=WIDTH).print(table)
    if output:
        output.write_text(json.dumps({"machine": machine(), "results": results, "figures": figures}, indent=1), "utf-8")


def _cpu(work: Callable[[], object], times: int) -> float:
    """Returns CPU ms of one time, the first not counted: it reads the tables."""
    work()
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times * 1000


def stay(results: int) -> list[dict[str, Any]]:
    """Returns the resources of a stay."""
    texts = ("主诉", "诊疗过程", "出院医嘱", "入院时主要症状及体征")
    div = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
    return [
        {"resourceType": "Organization", "id": "h990102", "name": "演示医院"},
        {"resourceType": "Patient", "id": "p", "name": [{"text": "演示居民"}], "gender": "female",
         "birthDate": "1960-02-03", "identifier": [{"system": "urn:oid:2.16.156.10011.1.13", "value": "B1"}],
         "address": [{"use": "home", "text": "演示市演示路1号"}],
         "telecom": [{"system": "phone", "value": "19900000001"}]},
        {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "IMP"},
         "identifier": [{"system": "urn:oid:2.16.156.10011.1.12", "value": "Z1"}],
         "period": {"start": "2025-12-01T09:00:00+08:00", "end": "2025-12-05T15:00:00+08:00"}},
        *({"resourceType": "Condition", "id": f"d{nth}", "recordedDate": "2025-12-01", **ABOUT,
           "code": {"coding": [{"system": ICD, "code": f"I1{nth}.x00", "display": f"诊断{nth}"}]}} for nth in range(8)),
        *({"resourceType": "MedicationRequest", "id": f"m{nth}", "authoredOn": "2025-12-01", **ABOUT,
           "medicationCodeableConcept": {"text": f"药品{nth}"}, "dosageInstruction": [{"doseAndRate": [
               {"doseQuantity": {"value": 5, "unit": "mg"}}]}]} for nth in range(5)),
        {"resourceType": "Procedure", "id": "o", "status": "completed", **ABOUT, "performedDateTime": "2025-12-03",
         "code": {"coding": [{"system": "urn:oid:2.16.156.10011.2.3.3.12", "code": "36.0601", "display": "手术"}]}},
        {"resourceType": "DiagnosticReport", "id": "r", "status": "final", **ABOUT, "code": {"text": "生化"},
         "identifier": [{"system": "urn:oid:2.16.156.10011.1.33", "value": "G1"}], "conclusion": "见结果"},
        *({"resourceType": "Observation", "id": f"v{nth}", "status": "final", **ABOUT,
           "effectiveDateTime": "2025-12-02",
           "category": [{"coding": [{"system": HL7 + "observation-category", "code": "laboratory"}]}],
           "code": {"text": f"项目{nth}"}, "valueQuantity": {"value": nth, "unit": "mmol/L"},
           "referenceRange": [{"text": "1-9"}]} for nth in range(results)),
        {"resourceType": "Composition", "id": "c", "status": "final", "date": "2025-12-05T15:00:00+08:00", **ABOUT,
         "section": [{"title": title, "text": {"div": div.format(title * 40)}} for title in texts]},
    ]  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
