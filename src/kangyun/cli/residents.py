"""`kangyun residents audit`: everything linked anew in one batch, held against the links that the index made."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import msgspec
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from kangyun.base import clock
from kangyun.base.errors import Conflict, PlatformError, Unavailable
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import announce, complain, console, speak
from kangyun.database.leases import lease

if TYPE_CHECKING:
    from kangyun.access.platform import Platform
    from kangyun.identity.batch.auditing import Audited

AGREES, DIFFERS, NOT_AUDITED = 0, 1, 2
FOLDER = "residents"  # of reports, in the data folder
ACTION = "residents-audit"
"""Of the audit row of a run, and the name of the lease: one runs at a time."""

residents = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="居民索引 | The resident index")


@residents.callback()
def _residents() -> None:
    """A group."""


@residents.command(
    help="""以整批匹配核对居民索引：写出差异报告并向数据管家提问，不改动任何归并 | Audit the resident index by a batch

全部登记用同一权重重新匹配（Splink 与 DuckDB），与现有归并逐一比较；人工决定不被推翻。适合每夜由定时任务运行。
报告只写登记与居民的 id、比对级别和得分，不含姓名证件。
运行期间，数据文件夹内有一份仅本账号可读的明文临时文件，结束即删；被强行终止的，下次运行时删除。
每次运行留一条审计记录（residents-audit）。
需要：pip install 'kangyun[batch]'。退出码：0 一致，1 有差异，2 未能核对。

All registrations are linked anew by the same weights (Splink on DuckDB) and held against the links that stand; what a
person decided stands. Meant for each night. The report has ids, levels and bits only. While it runs there is a file in
clear in the data folder, which only this account can read; what a killed run left, the next one removes. Each run
leaves a row in the audit trail (residents-audit). Needs: pip install 'kangyun[batch]'. Exit status: 0 they agree, 1
they differ, 2 it could not be done."""
)
def audit(
    data: Annotated[Path | None, typer.Option("--data", help="数据文件夹 | Data folder", metavar="DIR")] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="报告（新的 JSON 文件）| The report, a new JSON file"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只写报告，不向数据管家提问 | Write the report and ask nobody")
    ] = False,
    cores: Annotated[int, typer.Option("--cores", min=1, metavar="N", help="使用的处理器核数 | Cores to use")] = 2,
) -> None:
    """Audits, and exits with what came of it."""
    try:
        settings = read_settings(data=data)
        sys.exit(run(settings, report or _usual(settings), ask=not dry_run, cores=cores))
    except PlatformError as error:
        for issue in error.issues:
            complain(speak(issue.text, **issue.parameters))
        sys.exit(NOT_AUDITED)


def run(settings: Settings, report: Path, *, ask: bool, cores: int) -> int:
    """Audits, writes the report, and returns the exit status. Raises Unavailable, Conflict."""
    try:
        import kangyun.identity.batch.auditing  # noqa: F401 - whether what it needs is there
    except ImportError as missing:
        raise Unavailable("cli.residents-needs-batch", package=missing.name or "splink") from None
    if report.exists():
        raise Conflict("cli.residents-report-exists", file=str(report))
    ending = _Ending(settings.data)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ending.end)
    with reached_database(settings) as database:
        found, told = asyncio.run(_audit(settings, database, ask, cores))
    _write(report, told)
    figures: dict[str, str | int] = {
        "registrations": f"{found.registrations:,}", "residents": f"{found.residents:,}",
        "agreeing": f"{found.agreeing:,}", "parts": _count(found, "batch-parts"), "links": _count(found, "batch-links"),
    }  # fmt: skip
    announce(speak("cli.residents-audited", **figures))
    announce(speak("cli.residents-asked", asked=found.asked, file=str(report)))
    return DIFFERS if found.differences else AGREES


def _usual(settings: Settings) -> Path:
    return settings.data / FOLDER / f"audit-{clock.now():%Y%m%d-%H%M%S}.json"


async def _audit(settings: Settings, database: str, ask: bool, cores: int) -> tuple["Audited", dict[str, Any]]:
    from kangyun.access.platform import open_platform
    from kangyun.identity.batch.auditing import audit as audit_

    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    platform = await open_platform(settings, database)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    try:
        async with lease(platform.pool, ACTION) as alone:
            if alone is None:
                raise Conflict("cli.residents-running")
            await _leave_row(platform)
            with Progress(*columns, console=console) as bar:
                task = bar.add_task("", total=None)

                def tell(step: str) -> None:
                    bar.update(task, description=speak(f"cli.residents-{step}"))

                found = await audit_(
                    platform.pool, platform.gate.residents, settings.data,
                    demo=settings.demo, ask=ask, cores=cores, tell=tell,
                )  # fmt: skip
        return found, await _told(platform, found)
    finally:
        await platform.close()


async def _leave_row(platform: "Platform") -> None:
    """Leaves the row of the run, which is on disk before anything of anybody is read."""
    from kangyun.access.actor import Circumstances
    from kangyun.access.subscriptions.statuses import PLATFORM

    record = await platform.gate.open(PLATFORM, Circumstances("kangyun residents audit", "local", uuid4().hex))
    await record.leave_row(ACTION, 200, [])


class _Ending:
    """Ends the run, and removes what is written in clear before that.

    Nothing is raised: a library in C that is at work may lose it, or crash when Python ends around it.
    """

    def __init__(self, data: Path) -> None:
        self._data = data

    def end(self, number: int, _: object) -> None:
        from kangyun.identity.batch.auditing import PRIVATE

        for folder in self._data.glob(f"{PRIVATE}*"):
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(128 + number)


async def _told(platform: "Platform", found: "Audited") -> dict[str, Any]:
    """Returns the report: counts, and each difference by ids."""
    store = platform.gate.store
    async with platform.pool.connection() as connection:
        ids = {
            patient: stored.id
            for patient in {one.patient for one in found.differences}
            if (stored := await store.reader.of_number(connection, patient)) is not None
        }
    counts = {name: getattr(found, name) for name in found.__slots__ if name != "differences"}
    return {
        "made": clock.instant(clock.now()),
        "model": platform.gate.residents.rules.model,
        **counts,
        "differences": [
            {
                "kind": one.kind,
                "patient": f"Patient/{ids[one.patient]}",
                "resident": f"Patient/{store.ids.id_of(one.resident)}",
                "bits": round(one.bits, 2),
                "evidence": one.evidence,
            }
            for one in found.differences
            if one.patient in ids
        ],
    }


def _count(found: "Audited", kind: str) -> int:
    return sum(one.kind == kind for one in found.differences)


def _write(report: Path, told: dict[str, Any]) -> None:
    report.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as sink:
        sink.write(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
