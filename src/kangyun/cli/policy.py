"""`kangyun policy check` and `show`: what policy and labels of an installation say, before it serves by them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from kangyun.access.labels import labels_of
from kangyun.access.policy import Policy, Role, policy_of, shipped_text
from kangyun.base.settings import read_settings
from kangyun.cli.speech import announce, console, language, speak

Folder = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="数据文件夹 | Data folder")]

policy = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="访问策略与安全标签 | Policy and labels")


@policy.command(help="检查数据文件夹中的 policy.toml 与 labels.toml | Say whether the installation's files can be used")
def check(data: Folder = None) -> None:
    """Reads both files, and shows who sees what by them. Raises what is wrong, naming the place."""
    folder = read_settings(data=data).data
    labels = labels_of(folder)
    found = policy_of(folder, labels)
    table = Table(title=speak("cli.policy-title", edition=found.edition))
    for heading in ("role", "own", "granted", "all", "selves", "reads", "writes"):
        table.add_column(speak(f"cli.policy-{heading}"))
    for role in found.roles.values():
        ways = (_closed(labels.names(way)) if way is not None else "" for way in _ways(role))
        name = role.zh if language() == "zh" else role.en
        table.add_row(f"{role.name}\n{name}", *ways, str(len(role.reads)), str(len(role.writes)))
    console.print(table)
    announce(speak("cli.policy-well", roles=len(found.roles), grounds=len(found.grounds), rules=len(labels.rules)))
    _tell_of_times(found)


@policy.command(help="打印随软件提供的策略，可存为 policy.toml 后修改 | Print the shipped policy, to be edited")
def show() -> None:
    """Prints the file that comes with the platform."""
    typer.echo(shipped_text())


def _ways(role: Role) -> tuple[int | None, ...]:
    return role.own, role.granted, role.all, role.selves


def _closed(names: list[str]) -> str:
    return speak("cli.policy-but", names=", ".join(names)) if names else speak("cli.policy-everything")


def _tell_of_times(found: Policy) -> None:
    for ground in found.grounds.values():
        name = ground.zh if language() == "zh" else ground.en
        announce(speak("cli.policy-ground", name=f"{ground.name} ({name})", hours=f"{ground.hours:g}"))
