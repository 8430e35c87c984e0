"""The `kangyun` command: its commands joined, and the one place that shows an error.

Each command's module is loaded when it is called: `up` stays small, and `--help` answers at once.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from kangyun.base.errors import PlatformError
from kangyun.cli.speech import complain, speak

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="""康云：区域开放健康平台（FHIR R4）。第一次使用：kangyun up

Kangyun: an open health platform for a region, on FHIR R4. The first time: kangyun up

设置来自环境变量 KANGYUN_*、数据文件夹中的 kangyun.toml 或默认值，全部列在 docs/operations.md。
Settings come from KANGYUN_* variables, kangyun.toml in the data folder, or defaults: see docs/operations.md.""",
)

Data = Annotated[Path | None, typer.Option("--data", help="数据文件夹 | Data folder", metavar="DIR")]
Port = Annotated[int | None, typer.Option("--port", help="监听端口 | Port", metavar="N")]
Host = Annotated[str | None, typer.Option("--host", help="监听地址 | Address", metavar="HOST")]


@app.callback()
def _language(
    lang: Annotated[str | None, typer.Option("--lang", help="界面语言 zh 或 en | Language: zh or en")] = None,
) -> None:
    if lang:
        os.environ["KANGYUN_LANG"] = lang


@app.command(help="一处启动全部：数据库、Web、后台任务；首次启动装入演示数据 | Run everything here")
def up(
    data: Data = None,
    port: Port = None,
    host: Host = None,
    empty: Annotated[bool, typer.Option("--empty", help="不装入演示数据 | Without the demonstration")] = False,
) -> None:
    """Runs everything until Ctrl-C."""
    from kangyun.cli import up as starting

    starting.up(data=data, port=port, host=host, empty=empty)


@app.command(help="只运行 Web 服务（数据库由 KANGYUN_DATABASE 指定）| Run the web processes only")
def serve(data: Data = None, port: Port = None, host: Host = None) -> None:
    """Serves HTTP on a migrated database."""
    from kangyun.cli import serve as serving

    serving.serve(data=data, port=port, host=host)


@app.command(help="只运行后台任务：变更排序、订阅、导出 | Run the background work only")
def work(data: Data = None) -> None:
    """Runs the background work."""
    from kangyun.cli import serve as serving

    serving.work(data=data)


@app.command(help="更新数据库结构，含升级收尾；--before 只做旧版本仍在运行时可做的部分 | Bring the schema up to date")
def migrate(
    data: Data = None,
    before: Annotated[
        bool, typer.Option("--before", help="旧版本进程仍在运行 | Processes of the version before still run")
    ] = False,
) -> None:
    """Applies the missing migrations to KANGYUN_DATABASE."""
    from kangyun.cli import serve as serving

    done = serving.bring_up_to_date(data, ("pre",) if before else ("pre", "post"))
    for migration in done:
        typer.echo(f"{migration.package} {migration.name} {migration.phase}")
    typer.echo(speak("cli.migrated", count=len(done)))


@app.command(
    help="""装入文件：Bundle、单个资源、NDJSON，可压缩，可在 tar、zip 或文件夹中 | Load files

例 | Examples:

  kangyun load patients.ndjson.gz bundles/ --data /srv/kangyun

  kangyun load synthea.tar.xz --server https://example.org/fhir --token TOKEN

默认直接写入本机安装（以管理员身份，逐条校验并审计）；--server 则经 HTTP 写入任一 FHIR 服务器。
NDJSON 按资源自身的 id 写入；事务 Bundle 中 POST 的条目由服务器分配新 id，--keep-ids 则保留其 id（可重复执行）。
Ctrl-C 后再次执行同一命令即从中断处继续；被拒绝的资源会说明文件、行号与原因。

Writes to the installation here, as its administrator, everything validated and audited; with --server, to any FHIR
server. Lines of NDJSON are put under their own ids; what a transaction creates gets new ids, or keeps its own by
--keep-ids. After Ctrl-C the same command goes on. What is refused is told with file, line and reason; exit status 1."""
)
def load(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="文件或文件夹 | Files or folders")],
    data: Data = None,
    server: Annotated[str | None, typer.Option(metavar="URL", help="FHIR 基地址 | FHIR base URL")] = None,
    token: Annotated[str | None, typer.Option(help="令牌，默认 KANGYUN_ADMIN_TOKEN | Bearer token")] = None,
    keep_ids: Annotated[bool, typer.Option("--keep-ids", help="保留资源自身的 id | Keep their own ids")] = False,
    again: Annotated[bool, typer.Option("--again", help="从头开始，不管进度文件 | Begin anew")] = False,
    state: Annotated[Path | None, typer.Option(metavar="FILE", help="进度文件 | State file")] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="写出全部被拒绝的资源 | Write all refusals to a file")
    ] = None,
) -> None:
    """Brings files into the record."""
    from kangyun.cli import load as loading

    wish = loading.Wish(paths, data, server, token, state, report, keep_ids, again)
    sys.exit(loading.load(wish))


@app.command(help="重建检索索引，可在运行中进行；--resume 继续中断的重建 | Make the index anew, also while serving")
def reindex(
    data: Data = None,
    type_: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="只重建这些资源类型 | Only these types")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="继续上次中断的重建 | Finish an interrupted one")] = False,
) -> None:
    """Makes index rows anew: no version, no commit, nothing of the record changes."""
    from kangyun.cli import reindex as indexing

    indexing.reindex(data, type_ or [], resume=resume)


@app.command(
    help="""导出全部资源为 NDJSON，每种类型一个文件，均为同一时刻的状态 | Export all resources as NDJSON

例 | Example:  kangyun export /srv/out --type Patient --type Observation --since 2026-01-01

Ctrl-C 后再次执行同一命令即从中断处继续，时刻不变；导出的文件可用 kangyun load 再装入。

A file a type, all as of one instant. After Ctrl-C the same command goes on, as of the same instant. What it writes,
kangyun load reads."""
)
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="空文件夹 | An empty folder")],
    data: Data = None,
    types: Annotated[list[str] | None, typer.Option("--type", help="只导出此类型 | Only this type")] = None,
    since: Annotated[str | None, typer.Option(help="只导出此时刻之后的变更 | Only what changed after")] = None,
    gzip: Annotated[bool, typer.Option("--gzip", help="以 gzip 压缩 | Packed by gzip")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="覆盖文件夹中的导出 | Over a former export")] = False,
) -> None:
    """Writes the record to files."""
    from kangyun.cli import export as exporting
    from kangyun.fhir.search.dates import bounds

    instant = bounds(since)[0] if since else None
    sys.exit(exporting.export(exporting.Wish(folder, data, tuple(types or ()), instant, gzip, overwrite)))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    help="运行基准测试并与指标对照，需要源代码目录；选项见 kangyun bench --help | Run the benchmarks, in a source tree",
)
def bench(context: typer.Context) -> None:
    """Hands over to `python -m benchmarks`, options and all."""
    from kangyun.cli import bench as benching

    benching.bench(context.args)


@app.command(help="检查本机安装并说明如何修复；--database 检查数据库服务器的功能 | Say what is wrong and what to do")
def doctor(
    data: Data = None,
    port: Port = None,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="逐项测试一个 PostgreSQL 服务器 | Try a server, item by item"),
    ] = None,
) -> None:
    """Exit status: 0 nothing is wrong, 1 something is."""
    from kangyun.cli import doctor as examining

    sys.exit(examining.database(database) if database else examining.installation(data, port))


audit = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="审计记录 | The audit trail")
app.add_typer(audit, name="audit")


@audit.callback()
def _audit() -> None:
    """A group, also while it has one command only."""


@audit.command(
    help="""核对审计记录是否与封存时一致；有改动、删除、插入时逐条指出 | Say whether the trail is as it was sealed

封条的副本每分钟写入数据文件夹的 trail/roots.ndjson；请把它复制到数据库管理员不能改写之处，用 --roots 核对那一份。

The newest seal goes to trail/roots.ndjson in the data folder each minute. Copy it to where who administers the database
cannot write, and give that copy by --roots. Exit status: 0 nothing is wrong, 1 something is, 2 it could not be
verified."""
)
def verify(
    data: Data = None,
    roots: Annotated[
        Path | None, typer.Option(metavar="FILE", help="另处保存的封条副本 | A copy of the roots kept elsewhere")
    ] = None,
) -> None:
    """Looks through the audit trail."""
    from kangyun.cli import audit as auditing

    sys.exit(auditing.verify_trail(data, roots))


def main() -> None:
    """Runs the command line. An error that a person can act on is said in one line; exit status 1."""
    try:
        app()
    except PlatformError as error:
        for issue in error.issues:
            complain(speak(issue.text, **issue.parameters))
        sys.exit(1)
