"""`python -m benchmarks.formats`: what it costs to read a device's message, by format; no server, no disk.

CPU of `devices.formats.read` for messages as they come, one process; microseconds a message and a reading.
"""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from kangyun.devices.formats import Context, read

NOW = 1_795_000_000_000  # milliseconds
LEAST_SECONDS = 1.0
"""Of CPU, for each row."""


def samples() -> dict[str, tuple[str, Any]]:
    """Returns messages by what they are: the format and what is sent."""
    pressure = {
        "resourceType": "Observation", "status": "final", "effectiveDateTime": "2026-11-18T08:12:00+08:00",
        "code": {"coding": [{"system": "urn:iso:std:iso:11073:10101", "code": "150020"}]},
        "component": [
            {"code": {"coding": [{"system": "urn:iso:std:iso:11073:10101", "code": str(code)}]},
             "valueQuantity": {"value": value, "code": "mm[Hg]", "system": "http://unitsofmeasure.org"}}
            for code, value in ((150021, 152), (150022, 94), (150023, 113))
        ],
    }  # fmt: skip
    weight = {
        "header": {"id": "1", "creation_date_time": "2026-11-18T08:12:00+08:00",
                   "schema_id": {"namespace": "omh", "name": "body-weight", "version": "3.0"}},
        "body": {"body_weight": {"value": 65, "unit": "kg"},
                 "effective_time_frame": {"date_time": "2026-11-18T08:12:00+08:00"}},
    }  # fmt: skip
    cuff = {"msgId": "7", "power": 55, "records": [
        {"measureTime": "2026-11-18 08:12:00", "user": 1, "sbp": 152, "dbp": 94, "pulse": 78},
    ]}  # fmt: skip
    return {
        "plain, one value": ("plain", {"m": "hr", "v": 71, "t": NOW}),
        "plain, a pressure with its pulse": ("plain", {"s": 1, "v": {"sys": 152, "dia": 94, "hr": 78}, "t": NOW}),
        "plain, ten values": ("plain", {"s": 1, "n": NOW, "b": 80, "r": [{"m": "hr", "v": 71, "t": NOW}] * 10}),
        "plain, a position by GCJ-02": ("plain", {"v": {"lat": 31.23, "lon": 121.47}, "d": "gcj02", "t": NOW}),
        "plain, one of ten is refused": ("plain", {"r": [{"m": "hr", "v": 71}] * 9 + [{"m": "hr", "v": "x"}]}),
        "mapped, a cuff": ("mapped/example-cuff", cuff),
        "gatt, a pressure": ("gatt", {"r": [{"c": "2A35", "b": "0098005e007100", "t": NOW}]}),
        "phd, a pressure": ("phd", pressure),
        "openmhealth, a weight": ("openmhealth", weight),
    }  # fmt: skip


def measured(format_: str, payload: bytes) -> tuple[float, int]:
    """Returns CPU-seconds a message, and how many readings it holds."""
    context = Context(received=NOW * 1000)
    count, began = 0, time.process_time()
    while (spent := time.process_time() - began) < LEAST_SECONDS:
        for _ in range(200):
            message, _ = read(format_, payload, context)
        count += 200
    return spent / count, len(message.readings)


def main(
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON file for the figures.")] = None,
) -> None:
    """Measures each message and prints a table."""
    table = Table("message", "bytes", "readings", "µs a message", "µs a reading")
    figures: dict[str, Any] = {"machine": machine(), "messages": {}}
    for name, (format_, said) in samples().items():
        payload = json.dumps(said, separators=(",", ":")).encode()
        seconds, readings = measured(format_, payload)
        each = seconds / max(readings, 1)
        figures["messages"][name] = {"us": round(seconds * 1e6, 2), "readings": readings, "bytes": len(payload)}
        table.add_row(name, str(len(payload)), str(readings), f"{seconds * 1e6:.2f}", f"{each * 1e6:.2f}")
    Console(width=WIDTH).print(table)
    if out is not None:
        out.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    typer.run(main)
