"""The commands of the register of feeds, of counts and of what was kept aside; `cli.feeds` carries them out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kangyun.cli.commands.feed import feed
from kangyun.cli.commands.options import By, Data

__all__ = ["feed"]

Name = Annotated[str, typer.Argument(metavar="FEED", help="接入名称 | The feed's name")]
Table = Annotated[str, typer.Option("--table", metavar="NAME", help="表名 | The table")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="原因 | Why")]
Agreement = Annotated[str | None, typer.Option("--agreement", metavar="NO", help="协议编号 | Agreement number")]
Agreed = Annotated[str | None, typer.Option("--agreed", metavar="DAY", help="协议日期 | Its date")]
Client = Annotated[
    str | None, typer.Option("--client", metavar="ID", help="前置机的 client_id | The application that delivers")
]
Thumbprint = Annotated[
    str | None, typer.Option("--thumbprint", metavar="HEX", help="证书 SHA-256 指纹 | SHA-256 of its certificate")
]
Ends = Annotated[
    str | None,
    typer.Option("--certificate-ends", metavar="DAY", help="证书到期日 | Until when the certificate is good"),
]
Code = Annotated[str | None, typer.Option("--code", help="机构代码，用于本院编码系统 | Its code in names of systems")]
Dialect = Annotated[str | None, typer.Option("--dialect", help="哪个地区的列 | Whose columns: docs/tables.md")]
Rate = Annotated[int | None, typer.Option("--rate", metavar="N", help="每秒行数，0 不限 | Rows a second, 0: no limit")]


@feed.command("register", help="登记一个数据接入（状态为申请）| Register a feed")
def register(
    name: Name,
    institution: Annotated[str, typer.Option("--institution", metavar="REF", help="Organization/…")],
    title: Annotated[str, typer.Option("--title", help="名称 | What it is called")],
    by: By,
    data: Data = None,
    agreement: Agreement = None,
    agreed: Agreed = None,
    client: Client = None,
    thumbprint: Thumbprint = None,
    ends: Ends = None,
    code: Code = None,
    dialect: Dialect = None,
    rate: Rate = None,
) -> None:
    """Registers a feed."""
    from kangyun.cli import feeds

    said = feeds.Said(agreement, agreed, client, thumbprint, ends, code, dialect, rate)
    feeds.register(data, name, institution, title, by, said)


@feed.command("change", help="更改接入的登记内容 | Change what was agreed")
def change(
    name: Name,
    by: By,
    data: Data = None,
    agreement: Agreement = None,
    agreed: Agreed = None,
    client: Client = None,
    thumbprint: Thumbprint = None,
    ends: Ends = None,
    code: Code = None,
    dialect: Dialect = None,
    rate: Rate = None,
) -> None:
    """Changes the register."""
    from kangyun.cli import feeds

    said = feeds.Said(agreement, agreed, client, thumbprint, ends, code, dialect, rate)
    feeds.change(data, name, by, said)


@feed.command("list", help="列出全部数据接入：状态、在等谁 | List all feeds: how they stand, and who waits for whom")
def list_feeds(data: Data = None) -> None:
    """Lists the register."""
    from kangyun.cli import feeds

    feeds.list_feeds(data)


@feed.command("show", help="查看一个数据接入：登记、各表、历史 | Show a feed: register, tables, history")
def show(name: Name, data: Data = None) -> None:
    """Shows a feed."""
    from kangyun.cli import feeds

    feeds.show(data, name)


@feed.command(
    "move",
    help="改变状态：applied 申请、testing 联调、trial 试运行、live 正式、paused 暂停 | Move a feed to another state",
)
def move(
    name: Name,
    to: Annotated[str, typer.Argument(metavar="STATE", help="applied|testing|trial|live|paused")],
    by: By,
    why: Why = "",
    data: Data = None,
) -> None:
    """Moves a feed."""
    from kangyun.cli import feeds

    feeds.move(data, name, to, by, why)


@feed.command("wait", help="记下在等谁做什么 | Say who has to do what for a feed to go on")
def wait(
    name: Name,
    side: Annotated[str, typer.Argument(metavar="SIDE", help="centre 平台方、institution 医院、nobody 无")],
    by: By,
    for_: Annotated[str, typer.Option("--for", metavar="TEXT", help="做什么 | What for")] = "",
    data: Data = None,
) -> None:
    """Notes who is waited for."""
    from kangyun.cli import feeds

    feeds.wait(data, name, side, for_, by)


@feed.command("map", help="登记本院的对应关系文件 | Give a feed a mapping of its own")
def map_feed(
    name: Name, file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML")], by: By, data: Data = None
) -> None:
    """Gives a mapping."""
    from kangyun.cli import feeds

    feeds.map_feed(data, name, file, by)


@feed.command("resume", help="让停收的表恢复接收，搁置的批次接着收 | Let a stopped table go on")
def resume(name: Name, table: Table, by: By, data: Data = None) -> None:
    """Resumes a table."""
    from kangyun.cli import feeds

    feeds.resume(data, name, table, by)


@feed.command("again", help="重新处理搁置的批次 | Take parked deliveries in again")
def again(
    name: Name,
    by: By,
    table: Table = "",
    number: Annotated[int | None, typer.Option("--number", metavar="N", help="批次号 | One delivery")] = None,
    data: Data = None,
) -> None:
    """Gives parked deliveries their turn again."""
    from kangyun.cli import feeds

    feeds.again(data, name, by, table, number)


@feed.command(
    "reconcile",
    help="""对账：每天每表的申报、收到、保存、退回 | Counts against what the hospital declares

--serials 请医院报送主键清单，--resend 请医院重发，--close 关账。退出码：0 一致，1 有差异。

Exit status: 0 nothing differs, 1 something does.""",
)
def reconcile(
    name: Name,
    data: Data = None,
    day: Annotated[str | None, typer.Option("--day", metavar="DAY", help="某一天 | One day")] = None,
    month: Annotated[str | None, typer.Option("--month", metavar="MONTH", help="某月，默认本月 | A month")] = None,
    serials: Annotated[bool, typer.Option("--serials", help="有差异的，请医院报主键 | Ask for keys")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="有差异的，请医院重发 | Ask to send again")] = False,
    close: Annotated[bool, typer.Option("--close", help="关账 | Close the month")] = False,
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="写成 .xlsx | Write a workbook")] = None,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="由谁 | By whom")] = "",
) -> None:
    """Reconciles."""
    from kangyun.cli import feeds

    sys.exit(feeds.reconcile(data, name, feeds.Wish(day, month, serials, resend, close, to, by)))


@feed.command("differences", help="主键清单比出的差异 | What the keys that a hospital has told")
def differences(
    name: Name, number: Annotated[int, typer.Argument(metavar="N", help="请求编号 | Of the request")], by: By,
    data: Data = None,
) -> None:  # fmt: skip
    """Shows what differs."""
    from kangyun.cli import feeds

    feeds.differences(data, name, number, by)


@feed.command("returned", help="退回的行：有几行，或写成可改正重交的 .xlsx | Rows that were kept aside")
def returned(
    name: Name,
    by: By,
    table: Table = "",
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="写到 | The workbook")] = None,
    data: Data = None,
) -> None:
    """Writes a workbook of what was kept aside."""
    from kangyun.cli import feeds

    feeds.returned(data, name, by, table, to)


@feed.command(
    "replay",
    help="""用现在的对应关系重新处理保存的批次；先用 --dry-run 看差异 | Apply the mapping of now to what was delivered

--mapping 试用一个还没有登记的对应关系文件（只用于 --dry-run）。""",
)
def replay(
    name: Name,
    by: By,
    table: Table,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看差异，不写入 | Write nothing")] = False,
    tried: Annotated[bool, typer.Option("--tried", help="也包括联调时交来的 | Also what was only judged")] = False,
    since: Annotated[int, typer.Option("--since", min=1, metavar="N", help="从这一批起 | From this delivery on")] = 1,
    mapping: Annotated[Path | None, typer.Option("--mapping", metavar="FILE", help="TOML")] = None,
    data: Data = None,
) -> None:
    """Replays a table."""
    from kangyun.cli import feeds
    from kangyun.exchange.feeds.replaying import Which

    feeds.replay(data, name, by, Which(table, since, tried), dry_run=dry_run, mapping=mapping)


@feed.command("ferry", help="收下网闸摆渡来的签名批次文件（.kyb）| Keep signed files that a data diode has brought")
def ferry(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="文件所在的文件夹 | Where they lie")],
    by: By,
    data: Data = None,
) -> None:
    """Exit status: 0, or 1 where a file stays in the folder."""
    from kangyun.cli import ferry as ferrying

    sys.exit(ferrying.ferry(folder, data, by))
