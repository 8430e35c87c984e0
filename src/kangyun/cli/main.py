"""The `kangyun` command: its commands joined, and the one place that shows an error.

Each command's module is loaded when it is called: `up` stays small, and `--help` answers at once.
"""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, get_args

import typer

from kangyun.base.errors import PlatformError
from kangyun.base.texts import Language
from kangyun.cli import registering, safekeeping
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

Data = Annotated[Path | None, typer.Option("--data", help="数据文件夹 | Data folder", metavar="DIR")]
Port = Annotated[int | None, typer.Option("--port", help="监听端口 | Port", metavar="N")]
Host = Annotated[str | None, typer.Option("--host", help="监听地址 | Address", metavar="HOST")]


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
    help="""生成一座虚构的城市：居民、机构、就诊与登记，附“谁是谁”的真值 | Write a synthetic city to a folder

例 | Examples:

  kangyun simulate /srv/city --residents 1000 --years 5

  kangyun simulate /srv/who --residents 100000 --registrations --errors learning

同一种子得到同样的城市。各机构按错误模型各写各的登记；--errors none 则每位居民一条正确的登记。全部为演示数据：
身份证号使用不存在的行政区划（99 开头），只应装入演示实例。

The same seed gives the same city. Each institution writes people down in its own way, by an error model; --errors none
gives one right Patient each. All of it is demonstration data, for installations that say so."""
)
def simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="空文件夹 | An empty folder")],
    residents: Annotated[int, typer.Option("--residents", min=0, help="居民人数 | How many residents")] = 1000,
    years: Annotated[float, typer.Option("--years", min=0.1, max=12, help="记录年数 | Years of record")] = 5.0,
    seed: Annotated[int, typer.Option("--seed", help="随机种子 | Seed")] = 1,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="截至日期，默认今天 | Last day")
    ] = None,
    errors: Annotated[
        str, typer.Option("--errors", help="错误模型 learning、judging 或 none | Error model")
    ] = "judging",
    registrations: Annotated[
        bool, typer.Option("--registrations", help="只写登记，很快 | Registrations only, fast")
    ] = False,
    each: Annotated[int, typer.Option("--each", min=1, max=12, help="每人登记数 | Registrations a resident")] = 4,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="覆盖以前生成的文件 | Over a former city")] = False,
) -> None:
    """Writes a synthetic city."""
    from kangyun.cli import simulate as simulating

    last = until.date() if until else None
    wish = simulating.Wish(folder, residents, years, seed, last, errors, registrations, each, overwrite)
    sys.exit(simulating.simulate(wish))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    help="运行基准测试并与指标对照，需要源代码目录；选项见 kangyun bench --help | Run the benchmarks, in a source tree",
)
def bench(context: typer.Context) -> None:
    """Hands over to `python -m benchmarks`, options and all."""
    from kangyun.cli import bench as benching

    benching.bench(context.args)


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


safekeeping.join(app)
audit = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="审计记录 | The audit trail")
app.add_typer(audit, name="audit")


@audit.callback()
def _audit() -> None:
    """A group."""


@audit.command(
    help="""核对审计记录是否与封存时一致；有改动、删除、插入时逐条指出 | Say whether the trail is as it was sealed

封条的副本每分钟写入数据文件夹的 trail/roots.ndjson；请把它复制到数据库管理员不能改写之处，用 --roots 核对那一份。
每行都有平台签名，证书在同一文件夹的 signing.pem；请另处保存一份，用 --certificate 指定。
随后核对档案的每个版本与写入时封存的摘要：被删除、改动、插入的逐一指出；依法删除（库外账本）与清除（审计）的不算。

The newest seal goes to trail/roots.ndjson in the data folder each minute. Copy it to where who administers the database
cannot write, and give that copy by --roots. Its lines are signed; signing.pem beside it has the certificate: keep a
copy of that elsewhere too, and give it by --certificate. Then each version of the record is held against the digest
that was sealed when it was written; what was erased (by the ledger) or expunged (by the trail) is no fault. Exit
status: 0 nothing is wrong, 1 something is, 2 it could not be verified."""
)
def verify(
    data: Data = None,
    roots: Annotated[
        Path | None, typer.Option(metavar="FILE", help="另处保存的封条副本 | A copy of the roots kept elsewhere")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="另处保存的签名证书 | The signing certificate, kept elsewhere")
    ] = None,
    archives: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="归档文件所在文件夹 | Folder of the archives")
    ] = None,
    trail_only: Annotated[
        bool, typer.Option("--trail-only", help="不核对档案各版本 | Leave the versions of the record out")
    ] = False,
) -> None:
    """Looks through the audit trail, and through the record by it."""
    from kangyun.cli import audit as auditing

    sys.exit(auditing.verify_trail(data, roots, certificate, archives, trail_only=trail_only))


@audit.command(
    help="""把早于 KANGYUN_AUDIT_MONTHS 个月的审计记录移入归档文件 | Take old parts of the audit trail to files

每个文件写完后重新读出核对，一致才从数据库移出；kangyun audit verify 连同归档一起核对。请把归档复制到不能改写之处。

Each file is read again, and only when it holds are its rows taken out of the database; kangyun audit verify goes
through the archives as well. Copy them to where nobody can write. Exit status: 0, or 2 when it could not be done."""
)
def archive(data: Data = None) -> None:
    """Takes old parts of the audit trail to files."""
    from kangyun.cli import audit as auditing

    sys.exit(auditing.archive_trail(data))


crypto = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="密码与证书 | Cryptography and certificates")
app.add_typer(crypto, name="crypto")


@crypto.command(
    help="""检查密码后端：是什么、自检是否通过、密评是否计分 | Say which back end has the keys, and test it

逐项以标准中的示例自检；任何一项不符即不启用。已有数据时，还核对根密钥是否与数据相符。退出码：0 通过，1 未通过。

Tested by the examples of the standards; a back end that fails one is not taken into use. Where there are data, the
root key is held against them. Exit status: 0 passed, 1 failed."""
)
def check(data: Data = None) -> None:
    """Tests the back end."""
    from kangyun.cli import crypto as checking

    sys.exit(checking.check(data))


@crypto.command(
    help="""信任证书颁发机构的证书，或更新其吊销列表（PEM 或 DER）| Trust an authority, or bring its revocation list

请先与颁发机构核对指纹。吊销列表可由定时任务每日更新，旧的不会盖过新的。

Compare the fingerprint with the authority first. A list may be brought by a daily job; an older one changes nothing."""
)
def trust(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="证书或吊销列表 | Certificates or lists")],
    data: Data = None,
) -> None:
    """Takes in certificates and lists."""
    from kangyun.cli import crypto as trusting

    sys.exit(trusting.trust(data, files))


app.add_typer(policy, name="policy")
app.add_typer(residents, name="residents")


keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="密钥 | Keys")
app.add_typer(keys, name="keys")
Copy = Annotated[Path, typer.Argument(metavar="FILE", help="密钥副本 | Copy of the keys")]


@keys.command(help="密钥的现状：根密钥、密钥纪元、分份保管 | How the keys stand")
def status(data: Data = None) -> None:
    """Says how the keys stand."""
    from kangyun.cli import keys as keeping

    keeping.status(data)


@keys.command(
    help="""立即更换纪元密钥并销毁旧的；--root 则更换根密钥 | Renew the epoch key now, or the root key

纪元密钥到期由后台自动更换，不停机。抹除居民之后立即更换，旧备份中的此人数据随即不可读。
--root：新的根密钥就位，旧的文件改名留在旁边，由操作者另处保管或销毁；之后请重新分份，并把新文件放到每台主机。

The epoch key is renewed by itself when it is due, without a stop. Renewed right after an erasure, it makes what old
backups have of that resident unreadable at once. With --root a new root key takes the place of the file; the old file
stays beside it, for the operator to put away. Share the new one out then, and put it on every host."""
)
def rotate(
    data: Data = None,
    root: Annotated[bool, typer.Option("--root", help="更换根密钥 | Change the root key")] = False,
) -> None:
    """Renews keys."""
    from kangyun.cli import keys as keeping

    keeping.rotate(data, root=root)


@keys.command(
    "check", help="逐个打开全部密钥，并核对库外台账 | Open every key, and hold the ledger against the database"
)
def check_keys(data: Data = None) -> None:
    """Exit status: 0 nothing is wrong, 1 something is."""
    from kangyun.cli import keys as keeping

    sys.exit(keeping.check(data))


@keys.command(
    help="""把根密钥分为若干份，由多人分别保管 | Write the root key in shares for several persons

例 | Example:  kangyun keys escrow /media/usb --shares 5 --needed 3

每份一个文件，权限 0600。请立即分发，并从该文件夹中删除。 One file a share. Hand them out and delete them there."""
)
def escrow(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="写入的文件夹 | Folder to write to")],
    data: Data = None,
    shares: Annotated[int, typer.Option("--shares", help="总份数 | How many shares", metavar="N")] = 5,
    needed: Annotated[int, typer.Option("--needed", help="恢复所需份数 | How many are needed", metavar="M")] = 3,
) -> None:
    """Shares the root key out."""
    from kangyun.cli import keys as keeping

    keeping.share_out(data, shares, needed, folder)


@keys.command(help="由分份恢复根密钥文件；不覆盖已有文件 | Bring the root key file back from its shares")
def recover(
    paths: Annotated[list[Path], typer.Argument(metavar="SHARE…", help="分份文件 | Share files")],
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="根密钥文件 | Root key file")],
) -> None:
    """Makes the root key file."""
    from kangyun.cli import keys as keeping

    keeping.recover(paths, to)


@keys.command(help="另存一份密钥副本，恢复旧备份时需要 | Write a copy of the keys, for restoring older backups")
def save(file: Copy, data: Data = None) -> None:
    """Writes the copy, in the place of the one before."""
    from kangyun.cli import keys as keeping

    keeping.save(data, file)


@keys.command(
    "load", help="把较新的密钥副本装入由旧备份恢复的数据库 | Put a newer copy of the keys into a restored database"
)
def load_keys(file: Copy, data: Data = None) -> None:
    """Takes the copy in."""
    from kangyun.cli import keys as keeping

    keeping.load(data, file)


apps = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="应用登记 | The register of applications")
app.add_typer(apps, name="apps")
people = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="身份登记 | The register of identities")
app.add_typer(people, name="people")
Client = Annotated[str, typer.Argument(metavar="CLIENT", help="client_id")]
By = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="NAME",
        help="由谁：在册人员的登录名或引用 | By whom: sign-in name or reference of registered staff",
    ),
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="原因 | Why")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="登录名或引用 | Sign-in name or reference")]


@app.command(help="建立数据库结构与三员账号（kangyun up 会自动完成）| Make the schema and the three officers' accounts")
def init(data: Data = None) -> None:
    """Prepares an installation that is not run by `kangyun up`."""
    from kangyun.cli import registers

    registers.init(data)


@apps.command("add", help="登记一个应用（公钥与 --jwks-uri 二选一，都没有则为公开应用）| Register an application")
def add_app(
    name: Annotated[str, typer.Argument(metavar="NAME", help="名称 | Name")],
    owner: Annotated[str, typer.Option("--owner", metavar="REF", help="所属机构 Organization/… | Whose it is")],
    purpose: Annotated[str, typer.Option("--purpose", metavar="CODE", help="用途代码 | v3-PurposeOfUse")],
    evidence: Annotated[str, typer.Option("--evidence", metavar="TEXT", help="依据，如合同号 | What was seen")],
    by: By,
    data: Data = None,
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="最多可得的授权范围；只用诊间调阅票据的不写 | Most it is given; none: tickets",
        ),
    ] = None,
    redirects: Annotated[
        list[str] | None, typer.Option("--redirect", metavar="URL", help="返回地址 | Redirect URI")
    ] = None,
    client: Annotated[str, typer.Option("--client", metavar="ID", help="client_id，默认随机 | By default drawn")] = "",
    launch: Annotated[str, typer.Option("--launch", metavar="URL", help="启动地址 | Launch URL")] = "",
    jwks: Annotated[
        Path | None, typer.Option("--jwks", metavar="FILE", help="公钥文件 | File of its public keys")
    ] = None,
    jwks_uri: Annotated[
        str, typer.Option("--jwks-uri", metavar="URL", help="公钥地址 | Address of its public keys")
    ] = "",
    rate: Annotated[float, typer.Option("--rate", metavar="N", help="每秒请求数，0 不限 | Requests a second")] = 20.0,
    quota: Annotated[int, typer.Option("--quota", metavar="N", help="每日请求数，0 不限 | Requests a day")] = 0,
    days: Annotated[int, typer.Option("--days", metavar="N", help="有效天数 | Days until it expires")] = 365,
) -> None:
    """Registers an application, to be reviewed."""
    from kangyun.cli import registers

    registers.add_app(
        data, by, evidence, jwks, days, client=client, name=name, owner=owner, purpose=purpose,
        scopes=tuple(scopes or ()), redirect_uris=tuple(redirects or ()), launch_url=launch, jwks_uri=jwks_uri,
        rate=rate, quota=quota,
    )  # fmt: skip


@apps.command("list", help="列出全部应用 | List all applications")
def list_apps(data: Data = None) -> None:
    """Lists the register."""
    from kangyun.cli import registers

    registers.list_apps(data)


@apps.command("review", help="记录安全审查结论 | Say what came of the security review")
def review_app(
    client: Client,
    by: By,
    data: Data = None,
    passed: Annotated[bool, typer.Option("--pass", help="通过 | Passed")] = False,
    failed: Annotated[bool, typer.Option("--fail", help="不通过 | Failed")] = False,
) -> None:
    """Only what has passed is served."""
    from kangyun.cli import registers

    registers.review_app(data, client, by, passed=passed, failed=failed)


@apps.command("key", help="生成诊间调阅的签名密钥，原有的作废 | Draw the key that calls for tickets are signed with")
def key_app(client: Client, by: By, data: Data = None) -> None:
    """生成诊间调阅的签名密钥 | Draw the key for tickets."""
    from kangyun.cli import registers

    registers.key_app(data, client, by)


@apps.command("suspend", help="停用一个应用，一秒内生效 | Suspend an application, within a second")
def suspend_app(client: Client, by: By, why: Why, data: Data = None) -> None:
    """Lets an application do nothing more."""
    from kangyun.cli import registers

    registers.suspend_app(data, client, by, why)


@apps.command("resume", help="恢复一个停用的应用 | Let a suspended application in again")
def resume_app(client: Client, by: By, why: Why, data: Data = None) -> None:
    """Lets an application in again."""
    from kangyun.cli import registers

    registers.resume_app(data, client, by, why)


@people.command("reset", help="重设一个账号的密码并解除锁定 | Set a new initial password, and unlock")
def reset_password(name: Name, by: By, data: Data = None) -> None:
    """Sets a password that must be changed at the next sign-in, and prints it."""
    from kangyun.cli import registers

    registers.reset(data, name, by)


@people.command("suspend", help="停用一个身份，一秒内生效 | Suspend an identity, within a second")
def suspend_person(name: Name, by: By, why: Why, data: Data = None) -> None:
    """Lets somebody do nothing more."""
    from kangyun.cli import registers

    registers.suspend(data, name, by, why)


@people.command("leave", help="注销一个身份（离职等）| End an identity")
def end_person(name: Name, by: By, why: Why, data: Data = None) -> None:
    """Ends an identity, its roles and sessions."""
    from kangyun.cli import registers

    registers.leave(data, name, by, why)


@people.command("resume", help="恢复一个停用的身份 | Let a suspended identity in again")
def resume_person(name: Name, by: By, why: Why, data: Data = None) -> None:
    """Lets somebody in again."""
    from kangyun.cli import registers

    registers.resume(data, name, by, why)


@people.command("officer", help="登记三员的继任者或另一名任职者 | Admit a successor to one of the three offices")
def add_officer(
    role: Annotated[
        str,
        typer.Argument(
            metavar="ROLE",
            help="system-administrator 系统管理员，security-administrator 安全管理员，"
            "audit-administrator 审计管理员 | Which office",
        ),
    ],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="登录名；没有此人则登记 | Sign-in name; who is not there is admitted")
    ],
    evidence: Annotated[str, typer.Option("--evidence", metavar="TEXT", help="依据，如任命文号 | What was seen")],
    by: By,
    data: Data = None,
    called: Annotated[str, typer.Option("--called", metavar="TEXT", help="姓名，新登记时必填 | The name")] = "",
) -> None:
    """Nobody holds two of the three."""
    from kangyun.cli import registers

    registers.add_officer(data, role, name, called, evidence, by)


@people.command("guardian", help="登记监护人、家属或代理人可替谁办事 | Let a guardian or relative act for a resident")
def add_guardian(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="登录名；没有此人则登记 | Sign-in name; who is not there is admitted")
    ],
    of: Annotated[str, typer.Option("--of", metavar="REF", help="替谁 Patient/… | For whom")],
    relation: Annotated[
        str,
        typer.Option(
            "--relation",
            metavar="CODE",
            help="关系：GUARD 监护人，POWATT 受托人，FAMMEMB 家属，PRN 父母，CHILD 子女，GRPRN 祖父母，GRNDCHILD 孙辈，"
            "SIB 兄弟姐妹，SPS 配偶 | Relation, of v3-RoleCode",
        ),
    ],
    until: Annotated[str, typer.Option("--until", metavar="DATE", help="到哪天为止（含）| Until which day")],
    evidence: Annotated[str, typer.Option("--evidence", metavar="TEXT", help="依据，如户口簿 | What was seen")],
    by: By,
    data: Data = None,
    called: Annotated[str, typer.Option("--called", metavar="TEXT", help="姓名，新登记时必填 | The name")] = "",
    masks: Annotated[
        list[str] | None,
        typer.Option("--mask", metavar="LABEL", help="不给看的标签，可重复，如 psychiatry | A label that is hidden"),
    ] = None,
) -> None:
    """Lets somebody act for a resident."""
    from kangyun.cli import registers

    registers.add_guardian(data, name, called, of, relation, until, tuple(masks or ()), evidence, by)


@people.command("guardian-end", help="终止代理关系，一秒内生效 | Let somebody act for a resident no more")
def end_guardian(
    name: Name,
    of: Annotated[str, typer.Option("--of", metavar="REF", help="替谁 Patient/… | For whom")],
    by: By,
    why: Why,
    data: Data = None,
) -> None:
    """Lets somebody act for a resident no more."""
    from kangyun.cli import registers

    registers.end_guardian(data, name, of, by, why)


@people.command(
    "reset-factors", help="清除一个账号的第二因素并发放登记码 | Remove second factors, and permit a new one"
)
def reset_factors(name: Name, by: By, data: Data = None) -> None:
    """For who has lost theirs, and for a security administrator whom no other one can help."""
    from kangyun.cli import staff

    staff.reset_factors(data, name, by)


staff = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="人员名单 | Lists of staff")
app.add_typer(staff, name="staff")


@staff.command("template", help="写出空白人员名单（Excel）| Write an empty list of staff")
def staff_template(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="新的 .xlsx 文件 | A new .xlsx file")],
) -> None:
    """A workbook with the header, and a sheet that says what goes where."""
    from kangyun.cli import staff as listing

    listing.write_template(file)


@staff.command("import", help="导入人员名单（Excel 或 CSV）；--dry-run 只说明将会如何 | Carry out a list of staff")
def staff_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="人员名单 | The list")],
    by: By,
    data: Data = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="试运行，不写入 | Write nothing")] = False,
) -> None:
    """Exit status: 0 all rows were carried out, 1 some were refused: they stand in a workbook beside the list."""
    from kangyun.cli import staff as listing

    sys.exit(listing.import_list(data, file, by, dry_run=dry_run))


registering.add_to(app)


def main() -> None:
    """Runs the command line. An error that a person can act on is said in one line; exit status 1."""
    try:
        app()
    except PlatformError as error:
        for issue in error.issues:
            complain(speak(issue.text, **issue.parameters))
        sys.exit(1)
