"""The commands of the register of applications; `cli.registers` carries them out."""

from pathlib import Path
from typing import Annotated

import typer

from kangyun.cli.commands.options import By, Data, Why

apps = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="应用登记 | The register of applications")
Client = Annotated[str, typer.Argument(metavar="CLIENT", help="client_id")]


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
