"""The `kangyun` command: its commands joined, and the one place that shows an error.

Each command's module is loaded when it is called: `up` stays small, and `--help` answers at once.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, get_args

import typer

from kangyun.base.errors import PlatformError
from kangyun.base.texts import Language
from kangyun.cli.commands import registering, safekeeping
from kangyun.cli.commands.apps import apps
from kangyun.cli.commands.codes import codes
from kangyun.cli.commands.device import device
from kangyun.cli.commands.feeds import feed
from kangyun.cli.commands.keys import crypto, keys
from kangyun.cli.commands.messages import message
from kangyun.cli.commands.node import node
from kangyun.cli.commands.options import Data, Host, Port
from kangyun.cli.commands.people import people, staff
from kangyun.cli.commands.simulating import simulate
from kangyun.cli.commands.soap import soap
from kangyun.cli.commands.trail import audit
from kangyun.cli.policy import policy
from kangyun.cli.residents import residents
from kangyun.cli.speech import complain, speak

LANGUAGES = get_args(Language)
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


@app.callback()
def _language(
    lang: Annotated[str | None, typer.Option("--lang", help="界面语言 zh 或 en | Language: zh or en")] = None,
) -> None:
    if lang and lang.lower() not in LANGUAGES:
        raise typer.BadParameter(f"没有这种界面语言，请用 zh 或 en | No such language, use zh or en: {lang}")
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


@app.command(
    help="设备接入：监听设备的 MQTT 消息（端口与证书由 KANGYUN_DEVICE_* 指定）；医院消息见 kangyun feed listen | "
    "Listen for devices (MQTT); for hospitals' messages: kangyun feed listen"
)
def listen(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="监听地址 | Address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="监听端口 | Port to listen on")] = None,
) -> None:
    """Takes what devices send, until Ctrl-C."""
    from kangyun.cli import device_listener

    sys.exit(device_listener.listen(data=data, host=host, port=port))


@app.command(
    help="""设备数据入库：读取设备消息日志，写入测量值、预警与告警 | Take in what devices sent

--again 从日志中仍保留的最早一条重新读取：已入库的不会重复，以前因映射有误而拒绝的会补入；须先停止正在运行的入库程序。

--again reads everything that the log still has once more: what is known stays as it is, and what was refused because a
mapping was wrong is taken in now. Stop the intake that runs before."""
)
def ingest(
    data: Data = None,
    again: Annotated[bool, typer.Option("--again", help="从头重读日志 | Read the log from its beginning")] = False,
) -> None:
    """Takes in until Ctrl-C."""
    from kangyun.cli import ingest as ingesting

    ingesting.ingest(data, again=again)


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


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    help="医院前置机：读取本院数据送往平台，亦可单独安装；见 kangyun gateway --help | A hospital's front-end machine",
)
def gateway(context: typer.Context) -> None:
    """Hands over to the gateway's own command line."""
    from kangyun.exchange.gateway.commands import main as run

    sys.exit(run(context.args))


@app.command(
    help="检查本机安装并说明如何修复；--database 检查数据库服务器，--security 写出等保、密评自查表 | "
    "Say what is wrong and what to do; or try a server, or write the tables of an assessment"
)
def doctor(
    data: Data = None,
    port: Port = None,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="逐项测试一个 PostgreSQL 服务器 | Try a server, item by item"),
    ] = None,
    security: Annotated[
        bool,
        typer.Option("--security", help="核查安全要求，写出等保三级和密评自查表 | Write both tables of an assessment"),
    ] = False,
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="--security 的表写到此文件夹 | Folder of the tables")
    ] = Path(),
) -> None:
    """Exit status: 0 nothing is wrong, 1 something is."""
    if security:
        from kangyun.cli.doctor import security as assessing

        sys.exit(assessing.examine(data, port, to))
    from kangyun.cli import doctor as examining

    sys.exit(examining.database(database) if database else examining.installation(data, port))


@app.command(help="建立数据库结构与三员账号（kangyun up 会自动完成）| Make the schema and the three officers' accounts")
def init(data: Data = None) -> None:
    """Prepares an installation that is not run by `kangyun up`."""
    from kangyun.cli import registers

    registers.init(data)


safekeeping.join(app)


@app.command(
    help="""互联互通自查：数据集、共享文档、交互服务三张清单 | The three conformance lists, run

在一个临时的安装上实际运行样例，不读写现有档案；结果存入数据文件夹的 exam.json，管理员可在 /fhir/$exam 查看。
评分表由本地区提供（.csv 或 .xlsx，列“编号”“分值”），没有则不给分。退出码：0，或 1 有失败的条目。

Samples are run on an installation that is thrown away; the living record is not touched. What was found stands in
exam.json of the data folder. Points come from the region's own file. Exit status: 0, or 1 where a line has failed."""
)
def exam(
    data: Data = None,
    scores: Annotated[Path | None, typer.Option(metavar="FILE", help="本地区评分表 | The region's points")] = None,
    xlsx: Annotated[Path | None, typer.Option(metavar="FILE", help="另存为 .xlsx | Write a workbook")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON | As JSON")] = False,
) -> None:
    """Runs the exam."""
    from kangyun.cli import exam as examining

    sys.exit(examining.exam(data, scores, xlsx, as_json=as_json))


app.add_typer(audit, name="audit")
app.add_typer(crypto, name="crypto")
app.add_typer(policy, name="policy")
app.add_typer(residents, name="residents")
app.add_typer(keys, name="keys")
app.add_typer(apps, name="apps")
app.add_typer(people, name="people")
app.add_typer(staff, name="staff")
app.add_typer(feed, name="feed")
app.add_typer(soap, name="soap")
app.add_typer(simulate, name="simulate")
app.add_typer(node, name="node")
app.add_typer(codes, name="codes")
app.add_typer(device, name="device")
app.add_typer(message, name="message")
registering.add_to(app)


def main() -> None:
    """Runs the command line. An error that a person can act on is said in one line; exit status 1."""
    try:
        app()
    except PlatformError as error:
        for issue in error.issues:
            complain(speak(issue.text, **issue.parameters))
        sys.exit(1)
