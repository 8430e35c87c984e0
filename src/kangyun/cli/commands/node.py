"""The commands of the cascade of nodes; `cli.node` carries them out."""

from pathlib import Path
from typing import Annotated

import typer

from kangyun.cli.commands.options import By, Data

node = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="节点级联 | The cascade of nodes")
Name = Annotated[str, typer.Argument(metavar="NAME", help="节点名 | Its name")]


@node.command("key", help="显示本节点的公钥（JWKS），交给上级节点登记 | Print this node's public key")
def show_key(data: Data = None) -> None:
    """Prints the public key, made the first time."""
    from kangyun.cli import node as nodes

    nodes.key(data)


@node.command(
    "add",
    help="""登记上级或下级节点 | Add the node above, or one below

上级：kangyun node add city --parent --url https://…/fhir --as county-330182 --by NAME

下级：kangyun node add county-330182 --child --jwks FILE --evidence 协议编号 --by NAME

下级登记后须经安全审查：kangyun apps review NAME --pass""",
)
def add_node(
    name: Name,
    by: By,
    data: Data = None,
    parent: Annotated[bool, typer.Option("--parent", help="上级 | Above this one")] = False,
    child: Annotated[bool, typer.Option("--child", help="下级 | Below this one")] = False,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="上级的 FHIR 基地址 | Its FHIR base")] = "",
    own: Annotated[str, typer.Option("--as", metavar="NAME", help="本节点在上级的名称 | Our name there")] = "",
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="kangyun，或其他平台 fhir | Ours, or any FHIR server")
    ] = "kangyun",
    jwks: Annotated[Path | None, typer.Option("--jwks", metavar="FILE", help="下级的公钥 | Its public key")] = None,
    evidence: Annotated[str, typer.Option("--evidence", metavar="TEXT", help="依据 | What was seen")] = "",
    days: Annotated[int, typer.Option("--days", metavar="N", help="有效天数 | Days until it expires")] = 365,
) -> None:
    """Adds a node."""
    from kangyun.cli import node as nodes

    given = nodes.Given(name, parent, child, url, own, kind, jwks, evidence, days)
    nodes.add(data, by, given)


@node.command("list", help="列出全部节点 | List all nodes")
def list_nodes(data: Data = None) -> None:
    """Lists the nodes."""
    from kangyun.cli import node as nodes

    nodes.show(data)


@node.command("status", help="各节点的进度；退出码：0 正常，1 有未送达或被拒绝的 | How far each is; exit status 0 or 1")
def status(data: Data = None) -> None:
    """Says how far each node is."""
    import sys

    from kangyun.cli import node as nodes

    sys.exit(nodes.status(data))


@node.command("pause", help="暂停一个节点的往来 | Let nothing go to and fro")
def pause(name: Name, data: Data = None) -> None:
    """Pauses a node."""
    from kangyun.cli import node as nodes

    nodes.pause(data, name, paused=True)


@node.command("resume", help="恢复往来，并立即重试 | Let it again, and try at once")
def resume(name: Name, data: Data = None) -> None:
    """Resumes a node."""
    from kangyun.cli import node as nodes

    nodes.pause(data, name, paused=False)


@node.command("compare", help="与上级核对：缺的补报，多的删除 | Hold what the node above has against what it was told")
def compare(name: Name, data: Data = None) -> None:
    """Asks for a comparison; the background work does it."""
    from kangyun.cli import node as nodes

    nodes.compare(data, name)
