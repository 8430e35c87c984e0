"""The commands of services over SOAP; `cli.soap` carries them out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kangyun.cli.commands.feed import House, MappingFile
from kangyun.cli.commands.options import Data

soap = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="SOAP 服务 | Services over SOAP")


@soap.command("list", help="列出服务、动作，以及报文出处是否核实 | List services and actions, and how sure they are")
def list_services(data: Data = None) -> None:
    """Lists them."""
    from kangyun.cli import soap as serving

    serving.list_services(data)


@soap.command(
    "try",
    help="""试一条报文：显示读到了什么、会请求什么，不发送、不保存 | Show what a message would ask for

报文带不带 SOAP 信封都可以。--answer 给一个 FHIR 应答（JSON），显示按模板写出的应答。退出码：0，或 1 会被拒绝。

The message may have its envelope or not. --answer takes FHIR JSON and shows what would be answered. Exit status: 0,
or 1 where it would be refused.""",
)
def try_message(
    message: Annotated[Path, typer.Option("--message", metavar="FILE", help="报文 | The message")],
    institution: House,
    service: Annotated[str, typer.Option("--service", metavar="NAME", help="服务名 | The service")] = "kangyun",
    mapping: MappingFile = None,
    answer: Annotated[
        Path | None, typer.Option("--answer", metavar="FILE", help="FHIR 应答（JSON）| An answer of the record")
    ] = None,
    data: Data = None,
) -> None:
    """Tries a message."""
    from kangyun.cli import soap as serving

    sys.exit(serving.try_message(message, service, mapping, institution, answer, data))
