"""The commands of what institutions send; `cli.feed` carries them out."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from kangyun.base.errors import Invalid
from kangyun.cli.commands.options import By, Data

feed = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="机构数据接入 | What institutions send")
Tables = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="CSV、DBF、.xlsx、CDA 文档（.xml）或其目录 | A file, or a folder of documents"),
]
House = Annotated[
    str, typer.Option("--institution", metavar="REF", help="哪家机构，如 Organization/… | Whose it is: Organization/…")
]
Dialect = Annotated[str, typer.Option("--dialect", help="哪个地区的列，见《表格对接》 | Whose columns: docs/tables.md")]
MappingFile = Annotated[
    Path | None,
    typer.Option("--mapping", metavar="FILE", help="本院的对应关系文件 | A mapping of its own"),
]
Encoding = Annotated[str | None, typer.Option("--encoding", help="字符集，默认自动识别 | Characters; else detected")]


@feed.command("try", help="试传：显示前几行将如何保存，不写入 | Show how the first rows would be stored; write nothing")
def try_file(
    file: Tables,
    institution: House,
    dialect: Dialect = "",
    mapping: MappingFile = None,
    encoding: Encoding = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="行数或文档数 | How many rows or documents")] = 20,
) -> None:
    """Exit status: 0, or 1 where a row would be kept aside."""
    from kangyun.cli import documents
    from kangyun.cli import feed as feeding

    sent = feeding.Sent(file, institution, dialect, mapping, encoding)
    sys.exit(documents.try_documents(sent, rows) if documents.are(file) else feeding.try_file(sent, rows))


@feed.command(
    "take",
    help="""接收表格文件或文档；未采用的行写入旁边的 .xlsx，改正后可直接再交 | Take rows or documents into the record

同一文件可重复接收：已有且相同的不产生新版本。退出码：0 全部采用，1 有未采用的行。

A file may be taken again: what is there already makes no version. Exit status: 0 all, 1 some rows were kept aside.""",
)
def take_file(
    file: Tables,
    institution: House,
    by: By,
    data: Data = None,
    dialect: Dialect = "",
    mapping: MappingFile = None,
    encoding: Encoding = None,
) -> None:
    """Takes a file in as the institution's."""
    from kangyun.cli import documents
    from kangyun.cli import feed as feeding

    sent = feeding.Sent(file, institution, dialect, mapping, encoding)
    sys.exit(documents.take_documents(sent, data, by) if documents.are(file) else feeding.take_file(sent, data, by))


@feed.command(
    "write",
    help="""把一家机构一段时间的记录写成表格，交给其他平台 | Write records as tables for a platform not ours

例 | Example:

  kangyun feed write 上报 --institution Organization/hospital-1 --to Organization/province
  --dialect chengdu-2011 --since 2026-01-01 --until 2026-01-31 --by 登录名

按接收方的闸门：居民拒绝的、敏感的不在其中，逐批记入审计。没有写出的内容列在 left-out.csv，
填不了的列在 empty-columns.csv。方言写 n041 得到病案首页。退出码：0 全部写出，1 有没有写出的。

By the receiver's gate: what residents deny and what is sensitive is not in it. Exit status: 0 all, 1 not all.""",
)
def write_tables(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="新文件夹 | A new folder")],
    institution: House,
    to: Annotated[
        str, typer.Option("--to", metavar="REF", help="接收平台，如 Organization/… | The platform: Organization/…")
    ],
    dialect: Dialect,
    since: Annotated[datetime, typer.Option("--since", formats=["%Y-%m-%d"], help="第一天 | First day")],
    until: Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="最后一天 | Last day")],
    by: By,
    code: Annotated[
        str, typer.Option("--code", help="机构在接收方的代码 | The institution's code at the platform")
    ] = "",
    encoding: Annotated[str, typer.Option("--encoding", help="utf-8（带 BOM）或 gb18030 | utf-8 or gb18030")] = "utf-8",
    data: Data = None,
) -> None:
    """Writes tables out of the record."""
    from kangyun.cli import giving

    wish = giving.Wish(folder, institution, to, dialect, since.date(), until.date(), code, encoding)
    sys.exit(giving.write(wish, data, by))


@feed.command(
    "listen",
    help="""接收 HL7 v2 消息（MLLP），保存后才应答；一家机构一个端口，多家用 --lines | Take HL7 v2 messages over MLLP

不给证书时只能监听本机地址。按 Ctrl-C 停止，正在保存的先应答完。

Without a certificate it listens on this machine only. Ctrl-C stops it; what is being stored is answered first.""",
)
def listen(
    by: By,
    institution: Annotated[
        str, typer.Option("--institution", metavar="REF", help="哪家机构，如 Organization/… | Whose it is")
    ] = "",
    port: Annotated[int | None, typer.Option("--port", metavar="N", help="监听端口 | Port")] = None,
    lines: Annotated[
        Path | None,
        typer.Option("--lines", metavar="FILE", help="多家机构：每条线路一节的文件 | Lines of many institutions"),
    ] = None,
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="监听地址 | Address")] = "127.0.0.1",
    data: Data = None,
    certificate: Annotated[Path | None, typer.Option(metavar="FILE", help="本端证书（PEM）| Our certificate")] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="证书的私钥（PEM）| Its private key")] = None,
    clients: Annotated[
        Path | None, typer.Option(metavar="FILE", help="对端证书须由其签发 | Whose certificates senders must show")
    ] = None,
    mapping: MappingFile = None,
    test: Annotated[bool, typer.Option("--test", help="也接收测试消息（MSH-11 为 T、D）| Test messages, too")] = False,
    processes: Annotated[
        int, typer.Option("--processes", min=1, max=64, help="一条线路用几个进程 | Processes of one line")
    ] = 1,
) -> None:
    """Listens until it is stopped."""
    from kangyun.cli import listen as listening

    if (lines is None) == (not institution or port is None):
        raise Invalid("cli.feed-lines-or-one")
    one = listening.Line(institution, by, host, port or 0, certificate, key, clients, mapping, test)
    named = [one] if lines is None else listening.lines_of(lines, by)
    sys.exit(listening.listen(named, data, processes))


aside = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="被拒收而留存的消息 | Messages kept aside")
feed.add_typer(aside, name="aside")
Number = Annotated[int, typer.Argument(metavar="N", help="编号 | Its number")]


@aside.command("list", help="列出留存的消息和原因，不显示内容 | List what is kept aside, and why")
def list_aside(
    institution: Annotated[str | None, typer.Option("--institution", metavar="REF", help="只看一家 | Of one")] = None,
    settled: Annotated[bool, typer.Option("--all", help="包括已处理的 | Settled ones, too")] = False,
    data: Data = None,
) -> None:
    """Exit status: 0, or 1 where something waits."""
    from kangyun.cli import aside as keeping

    sys.exit(keeping.list_aside(institution, data, settled=settled))


@aside.command("show", help="显示一条留存消息的原文（含患者信息，记入审计）| Show what came; it is audited")
def show_aside(
    number: Number,
    by: By,
    file: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="写入新文件 | Write it to a new file")
    ] = None,
    data: Data = None,
) -> None:
    """Shows a message."""
    from kangyun.cli import aside as keeping

    sys.exit(keeping.show_aside(number, file, by, data))


@aside.command(
    "again",
    help="""重新接收：不写编号则为该机构全部留存的消息 | Take again what was kept aside: all, or some numbers

改好映射文件后加 --mapping；改好的消息原文用 --file。退出码：0 全部存入，1 仍有被拒收的。

After the mapping was mended: --mapping; a message put right: --file. Exit status: 0 all, 1 some were refused again.""",
)
def again_aside(
    institution: House,
    by: By,
    numbers: Annotated[list[int] | None, typer.Argument(metavar="[N…]", help="编号 | Numbers")] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="改好的消息 | Put right")] = None,
    mapping: MappingFile = None,
    test: Annotated[bool, typer.Option("--test", help="也接收测试消息 | Test messages, too")] = False,
    data: Data = None,
) -> None:
    """Takes messages again."""
    from kangyun.cli import aside as keeping

    sys.exit(keeping.again_aside(keeping.Again(institution, by, tuple(numbers or ()), file, mapping, test), data))


@aside.command("drop", help="不再接收这一条 | It is not to be taken any more")
def drop_aside(number: Number, data: Data = None) -> None:
    """Drops a message."""
    from kangyun.cli import aside as keeping

    sys.exit(keeping.drop_aside(number, data))


@feed.command(
    "package",
    help="""生成对接包：接口说明、数据集、建表脚本、样例、联调用例和验收单 | Write a joining package for a hospital

例 | Examples:

  kangyun feed package 对接包.zip --feed hospital-1-tables

  kangyun feed package 对接包.zip --institution Organization/hospital-1 --dialect shanghai-2024

已登记的接入用 --feed，内容取自登记；还没有登记的写明机构和哪个地区的列。

Of a registered feed all is known; before that say the institution, and whose columns it has.""",
)
def write_package(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="写到哪个 .zip | The .zip to write")],
    feed_name: Annotated[str, typer.Option("--feed", metavar="FEED", help="登记的接入名称 | A registered feed")] = "",
    data: Data = None,
    institution: Annotated[
        str, typer.Option("--institution", metavar="REF", help="哪家机构，如 Organization/… | Whose it is")
    ] = "",
    dialect: Dialect = "",
    name: Annotated[str, typer.Option("--name", help="机构名称 | What it is called")] = "",
    tables: Annotated[
        list[str] | None, typer.Option("--table", help="只要这些表，可重复 | Only these tables, repeatable")
    ] = None,
) -> None:
    """Writes what a hospital's engineer needs to join."""
    from kangyun.cli import joining

    wish = joining.Wish(file, feed_name, institution, name, dialect, tuple(tables or ()))
    sys.exit(joining.write(wish, data))
