"""Figures of a month as a MeasureReport. Pure.

`group` one: the table as a whole; one for each of its fields behind it. Populations are named by `FIGURE`.

Source: https://hl7.org/fhir/R4/measurereport.html (type summary).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from kangyun.exchange.entries import entry_id
from kangyun.fhir import Resource

MEASURE = "urn:kangyun:measure:feed-figures"
FIGURE = "urn:kangyun:code-system:feed-figure"
TABLE = "urn:kangyun:identifier:feed-table"


@dataclass(frozen=True, slots=True)
class Monthly:
    """One table of one feed in one month. figures: of the table; fields: of each of its fields, by the same names."""

    house: str
    institution: str
    feed: str
    table: str
    title: str
    month: date
    figures: Mapping[str, int]
    fields: Mapping[str, Mapping[str, int]]


def report_of(one: Monthly) -> Resource:
    """Returns the MeasureReport; the same figures give the same resource."""
    last = (one.month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return {
        "resourceType": "MeasureReport",
        "id": entry_id(one.house, "feed-figures", (one.feed, one.table, one.month.isoformat())),
        "identifier": [{"system": TABLE, "value": f"{one.feed}/{one.table}/{one.month:%Y-%m}"}],
        "status": "complete",
        "type": "summary",
        "measure": MEASURE,
        "reporter": {"reference": one.institution},
        "period": {"start": one.month.isoformat(), "end": last.isoformat()},
        "group": [_group(one.table, one.title, one.figures)]
        + [_group(name, "", figures) for name, figures in one.fields.items()],
    }


def monthly_of(report: Resource) -> Monthly:
    """Returns what a report of `report_of` says."""
    first, *rest = report["group"]
    feed, table, _ = report["identifier"][0]["value"].split("/")
    return Monthly(
        report["id"], report["reporter"]["reference"], feed, table, first["code"].get("text", ""),
        date.fromisoformat(report["period"]["start"]), _figures(first),
        {one["code"]["coding"][0]["code"]: _figures(one) for one in rest},
    )  # fmt: skip


def with_unsent(fields: Mapping[str, Mapping[str, int]], columns: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
    """Returns the figures of fields with those of columns that did not come, or not with all rows: they are not filled.

    columns: that the table has. Who leaves one out is not better off than who sends it empty.
    """
    rows = max((one.get("rows", 0) for one in fields.values()), default=0)
    if not rows:
        return fields
    unsent = {name: dict.fromkeys(("rows", "filled", "valid", "left-out", "put-right"), 0) for name in columns}
    return {
        name: {**one, "rows": rows} if name in unsent else one
        for name, one in sorted({**unsent, **fields}.items())
    }  # fmt: skip


def _group(code: str, title: str, figures: Mapping[str, int]) -> Resource:
    name = {"coding": [{"system": FIGURE, "code": code}]} | ({"text": title} if title else {})
    return {"code": name, "population": [_population(figure, count) for figure, count in figures.items()]}


def _population(figure: str, count: int) -> Resource:
    return {"code": {"coding": [{"system": FIGURE, "code": figure}]}, "count": count}


def _figures(group: Resource) -> dict[str, int]:
    populations: Sequence[Resource] = group.get("population", ())
    return {one["code"]["coding"][0]["code"]: int(one["count"]) for one in populations}
