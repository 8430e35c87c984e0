"""`kangyun doctor --security`: the running installation against 等保三级 and 密评, as two tables in Chinese.

It looks at the real thing (settings, files, rows, answers) and writes what it saw, each table as .xlsx and .docx.
Where it cannot look it says so. It changes nothing and shows no value of the record.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from kangyun.base import clock
from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings
from kangyun.cli.doctor.security.controls import Standard, Table, standard
from kangyun.cli.doctor.security.document import document
from kangyun.cli.doctor.security.in_force import InForce, settings_in_force
from kangyun.cli.doctor.security.judging import TEXTS, Judge, Row
from kangyun.cli.doctor.security.report import report
from kangyun.cli.doctor.security.site import opened
from kangyun.cli.doctor.security.verdicts import WORDS, Verdict
from kangyun.cli.doctor.security.workbook import workbook
from kangyun.cli.speech import announce, speak

NAMES: dict[Table, str] = {"djbh": "等保三级自查表", "mp": "密评自查表"}
_STYLES: dict[Verdict, tuple[str, str]] = {
    "met": ("✓", "green"), "partly": ("!", "yellow"), "unmet": ("✗", "bold red"), "environment": ("·", "dim"),
    "unknown": ("?", "cyan"),
}  # fmt: skip


def examine(data: Path | None, port: int | None, folder: Path) -> int:
    """Looks, says what it found and writes the tables to a folder. Returns 0 when nothing is unmet, else 1."""
    found = settings_in_force(data, port)
    tables = asyncio.run(judged(found.settings))
    written = []
    for table, (asked, rows) in tables.items():
        _tell(asked, rows)
        written += write(folder, NAMES[table], found, asked, rows)
    announce(speak(f"{TEXTS}written", files="、".join(map(str, written))), style="bold")
    return 1 if any(row.verdict == "unmet" for _, rows in tables.values() for row in rows) else 0


async def judged(settings: Settings) -> dict[Table, tuple[Standard, list[Row]]]:
    """Returns both tables of an installation."""
    async with opened(settings) as site:
        judge = Judge(site)
        tables: dict[Table, tuple[Standard, list[Row]]] = {}
        for table in NAMES:
            asked = standard(table)
            tables[table] = asked, [row async for row in judge.rows(asked)]
        return tables


def _tell(asked: Standard, rows: Sequence[Row]) -> None:
    announce(asked.title, style="bold")
    for row in rows:
        mark, style = _STYLES[row.verdict]
        announce(f"  {mark} {row.control.clause} {row.control.name}", style=style)
        if row.verdict not in ("met", "environment"):
            worst = (finding for finding in row.findings if finding.verdict == row.verdict)
            for text in dict.fromkeys(speak(f"{TEXTS}{finding.text}", **finding.places) for finding in worst):
                announce(f"    → {text}")
    counted = Counter(row.verdict for row in rows)
    counts = "，".join(speak(f"{TEXTS}word-{verdict}", count=counted[verdict]) for verdict in WORDS)
    announce(speak(f"{TEXTS}summary", title=asked.title, counts=counts), style="bold")


def write(folder: Path, name: str, found: InForce, asked: Standard, rows: Sequence[Row]) -> list[Path]:
    """Writes a table twice, for its owner alone: it names what is weak. Raises Unavailable."""
    now = clock.now().astimezone()
    told = report(
        asked, place=str(found.settings.data.resolve()), moment=f"{now:%Y-%m-%d %H:%M %z}",
        program=f"康云 {version('kangyun')}", source=found.source,
    )  # fmt: skip
    written = []
    for ending, body in (("xlsx", workbook(told, rows)), ("docx", document(told, rows))):
        path = folder / f"{name}-{now:%Y%m%d}.{ending}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
                sink.write(body)
        except OSError:
            raise Unavailable(f"{TEXTS}no-folder", folder=str(folder)) from None
        written.append(path)
    return written
