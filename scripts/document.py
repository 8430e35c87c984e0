"""Writes the tables of `docs/operations.md` that come from the code: settings, and commands with their options; and in
`docs/zh/表格对接.md` the columns that are not filled where tables are written out.

A table stands between `<!-- name -->` and `<!-- end -->`. tests/architecture/test_documents.py holds that the file is
as this would write it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import typer
import typer.core

from kangyun.base.settings import describe
from kangyun.cli.main import app
from kangyun.exchange.tables.writing import targets, unfilled

OPERATIONS = Path(__file__).parents[1] / "docs" / "operations.md"
TABLES = Path(__file__).parents[1] / "docs" / "zh" / "表格对接.md"
DIALECTS = ("chengdu-2011", "shanghai-2024", "shanghai-hub-2026", "hospital-view-2025")


def main() -> None:
    """Writes the file anew."""
    for document, tables in ((OPERATIONS, of_operations()), (TABLES, of_tables())):
        document.write_text(filled(document.read_text("utf-8"), tables), "utf-8")


def of_operations() -> dict[str, str]:
    """Returns the tables of the operations' document by name."""
    return {"settings": settings(), "commands": commands()}


def of_tables() -> dict[str, str]:
    """Returns the tables of the document of tables by name."""
    return {"unfilled": columns()}


def filled(text: str, tables: dict[str, str]) -> str:
    """Returns the text with its tables as the code says. Raises ValueError where a table has no place."""
    for name, table in tables.items():
        text, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda found, t=table: found[1] + t + found[2],
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(name)
    return text


def settings() -> str:
    """Returns the table of all settings."""
    rows = [f"| `{name}` | {_code(default)} | {zh} | {en} |" for name, default, zh, en in describe()]
    return "\n".join(["| setting | default | | |", "|---|---|---|---|", *rows, ""])


def columns() -> str:
    """Returns the table of the columns that nothing is written into."""
    rows = []
    for dialect in DIALECTS:
        for target in targets(dialect):
            empty = unfilled(target)
            rows.append(f"| {dialect} | `{target.table}` | {len(target.columns)} | {' '.join(empty)} |")
    return "\n".join(["| 方言 | 表 | 列数 | 填不了的列 |", "|---|---|---|---|", *rows, ""])


def commands() -> str:
    """Returns the table of all commands and their options."""
    rows = []
    for name, command in sorted(_named("", typer.main.get_group(app))):
        told = (command.help or "").strip().split("\n")[0]
        rows.append(f"| `kangyun {name}` | {_shown(told)} |")
        for parameter in command.params:
            if parameter.name != "help":
                form = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.metavar
                rows.append(f"| &nbsp;&nbsp;`{form}` | {_shown(getattr(parameter, 'help', None) or '')} |")
    return "\n".join(["| command | |", "|---|---|", *rows, ""])


def _named(before: str, group: typer.core.TyperGroup) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            if command.invoke_without_command:
                yield before + name, command
            yield from _named(f"{before}{name} ", command)
        else:
            yield before + name, command


def _shown(text: str) -> str:
    return re.sub(r"\s*\|\s*", " · ", text)


def _code(value: str) -> str:
    return f"`{value}`" if value else ""


if __name__ == "__main__":
    main()
