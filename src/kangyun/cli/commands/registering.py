"""The commands of registers that are kept by the list, and of administrative divisions; `lists` carries them out.

Loaded with the command line, so what they need is imported where they run.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from kangyun.cli.commands.options import By, Data, DryRun

Kind = Literal["institutions", "departments", "maps"]
ListFile = Annotated[Path, typer.Argument(metavar="FILE", help="名单（Excel 或 CSV）| The list")]
NewFile = Annotated[Path, typer.Argument(metavar="FILE", help="新的 .xlsx 文件 | A new .xlsx file")]
On = Annotated[str | None, typer.Option("--on", metavar="DAY", help="哪一天，如 2020-06-01 | On which day")]


def _add(app: typer.Typer, name: str, kind: Kind, zh: str, en: str) -> None:
    """Adds the commands of a register that is kept by the list."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=f"{zh}登记 | The register of {en}")
    app.add_typer(group, name=name)

    @group.command("template", help=f"写出空白{zh}名单（Excel）| Write an empty list of {en}")
    def write_template(file: NewFile) -> None:
        """A workbook with the header, and a sheet that says what goes where."""
        from kangyun.cli import lists

        lists.write_template(kind, file)

    @group.command("import", help=f"导入{zh}名单：全部正确才写入；--dry-run 只说明将会如何 | Carry out a list of {en}")
    def import_list(file: ListFile, by: By, data: Data = None, dry_run: DryRun = False) -> None:
        """Exit status: 0 the list was carried out, 1 a row is wrong and nothing was written."""
        from kangyun.cli import lists

        sys.exit(lists.import_file(kind, data, file, by, dry_run=dry_run))

    @group.command("export", help=f"导出{zh}名单，可再导入 | Write the list of {en} that are registered")
    def export_list(file: NewFile, by: By, data: Data = None) -> None:
        """A workbook that can be imported again."""
        from kangyun.cli import lists

        lists.export_file(kind, data, file, by)


divisions = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="行政区划 | Administrative divisions")


@divisions.command("show", help="查询行政区划代码（可为已撤销的）| Say what a division code is, or was")
def show_division(code: Annotated[str, typer.Argument(metavar="CODE", help="代码 | The code")], on: On = None) -> None:
    """Exit status: 0, or 1 for a code that is none."""
    from kangyun.cli import lists

    sys.exit(lists.show_division(code, on))


@divisions.command("find", help="按名称查找行政区划 | Find divisions by name")
def find_divisions(
    words: Annotated[str, typer.Argument(metavar="NAME", help="名称，可加上级 | Name, with those above it if need be")],
    below: Annotated[bool, typer.Option("--below", help="含乡镇、村 | Towns and villages too")] = False,
    on: On = None,
) -> None:
    """Exit status: 0, or 1 where there is none."""
    from kangyun.cli import lists

    sys.exit(lists.find_divisions(words, below=below, on=on))


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    _add(app, "institutions", "institutions", "机构", "institutions")
    _add(app, "departments", "departments", "科室", "departments")
    _add(app, "dictionaries", "maps", "字典对照", "code maps")
    app.add_typer(divisions, name="divisions")
