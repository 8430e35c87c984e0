"""The commands of the mapping desk; `cli.codes` carries them out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kangyun.cli.commands.options import By, Data, DryRun

codes = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="编码对照 | What institutions' codes stand for")
Kind = Annotated[str, typer.Option("--kind", help="diagnosis、operation、drug、item、laboratory | The kind of codes")]
Target = Annotated[
    str, typer.Option("--target", metavar="URL", help="目标目录，默认该类第一个 | The list that is mapped to")
]
House = Annotated[str, typer.Option("--institution", metavar="REF", help="哪家机构，默认全部 | Whose; else all")]
State = Annotated[
    str | None, typer.Option("--state", help="unmapped、proposed、approved、unneeded | Only these | 状态")
]
Rows = Annotated[list[int] | None, typer.Argument(metavar="ROW…", help="对照号 | Numbers of rows")]
NewFile = Annotated[Path, typer.Argument(metavar="FILE", help="新的 .xlsx 文件 | A new .xlsx file")]


@codes.command("count", help="统计各机构各编码用了多少次（后台每天一次）| Count how often codes are used")
def count(data: Data = None) -> None:
    """Counts over the index; no record is opened but for names."""
    from kangyun.cli import codes as desk

    desk.count_uses(data)


@codes.command("list", help="按使用次数列出编码与建议 | List codes, the most used first, with suggestions")
def list_codes(
    by: By,
    kind: Kind = "diagnosis",
    target: Target = "",
    institution: House = "",
    state: State = None,
    top: Annotated[int, typer.Option("--top", min=1, help="多少个 | How many")] = 30,
    data: Data = None,
) -> None:
    """Codes in use."""
    from kangyun.cli import codes as desk

    desk.list_codes(desk.Whose(data, by, kind, target, institution, state), top)


@codes.command(
    "suggest",
    help="""把把握大的建议成批提出，待另一人复核 | Propose the clear suggestions, for another one to decide

--national 把平台所附的国临到医保对照整体提出。

--national proposes the map from the clinical to the insurance edition that comes with the platform, as a whole.""",
)
def suggest(
    by: By,
    kind: Kind = "diagnosis",
    target: Target = "",
    institution: House = "",
    least: Annotated[float, typer.Option("--least", min=55, max=100, help="至少多少分 | Points")] = 97,
    national: Annotated[bool, typer.Option("--national", help="国家对照 | The national map")] = False,
    data: Data = None,
) -> None:
    """Proposes."""
    from kangyun.cli import codes as desk

    desk.suggest(desk.Whose(data, by, kind, target, institution, "unmapped"), least, national=national)


@codes.command("export", help="导出对照工作表（含建议）| Write a workbook of codes, to be filled in")
def export_codes(
    file: NewFile,
    by: By,
    kind: Kind = "diagnosis",
    target: Target = "",
    institution: House = "",
    state: State = None,
    data: Data = None,
) -> None:
    """A workbook that comes back by `import`."""
    from kangyun.cli import codes as desk

    desk.export_codes(desk.Whose(data, by, kind, target, institution, state), file)


@codes.command(
    "import",
    help="""导入填好的对照工作表：有“决定”的办理，有“目标编码”的提出；有错的行退回 | Carry out a workbook

退出码：0 全部采用，1 有退回的行（写在旁边的 .xlsx 中，各有原因）。

Exit status: 0 all, 1 some rows came back: in a workbook beside it, each with why.""",
)
def import_codes(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="工作表（Excel 或 CSV）| The workbook")],
    by: By,
    dry_run: DryRun = False,
    data: Data = None,
) -> None:
    """Proposes and decides by a workbook."""
    from kangyun.cli import codes as desk

    sys.exit(desk.import_codes(data, by, file, dry_run=dry_run))


@codes.command("approve", help="批准（或 --refuse 驳回）别人提出的对照 | Approve, or refuse, what others proposed")
def approve(
    by: By,
    rows: Rows = None,
    every: Annotated[bool, typer.Option("--all", help="全部待复核的 | All that wait")] = False,
    refuse: Annotated[bool, typer.Option("--refuse", help="驳回 | Refuse")] = False,
    kind: Kind = "diagnosis",
    target: Target = "",
    institution: House = "",
    data: Data = None,
) -> None:
    """Decides."""
    from kangyun.cli import codes as desk

    whose = desk.Whose(data, by, kind, target, institution, None)
    desk.decide_rows(whose, rows or [], every=every, refuse=refuse)


@codes.command("withdraw", help="撤回已批准的对照，已补的编码随后去掉 | Withdraw what was approved")
def withdraw(
    rows: Annotated[list[int], typer.Argument(metavar="ROW…", help="对照号 | Numbers of rows")],
    by: By,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="原因 | Why")],
    data: Data = None,
) -> None:
    """Ends decisions."""
    from kangyun.cli import codes as desk

    desk.withdraw_rows(data, by, rows, why)


@codes.command("apply", help="把已有决定补到存量（后台也会做）| Apply what was decided to what is stored")
def apply(data: Data = None) -> None:
    """Works until nothing is left."""
    from kangyun.cli import codes as desk

    desk.apply_all(data)


@codes.command("list-load", help="装入目标目录（编码、名称、单位、标本、LOINC）| Load a list that codes are mapped to")
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="目录（Excel 或 CSV）| The list")],
    target: Annotated[str, typer.Option("--target", metavar="URL", help="目标目录的系统名 | Its system")],
    edition: Annotated[str, typer.Option("--edition", help="版次 | Its edition")],
    by: By,
    data: Data = None,
) -> None:
    """Puts a list in the place of what stands. Exit status: 0, or 1 where a row is wrong and nothing was written."""
    from kangyun.cli import codes as desk

    sys.exit(desk.load_list(data, by, file, target, edition))
