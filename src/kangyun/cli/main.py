"""The `kangyun` command: its commands joined, and the one place that shows an error."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kangyun.base.errors import PlatformError
from kangyun.cli import serve as serving
from kangyun.cli import up as starting
from kangyun.cli.speech import console, speak

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

Data = Annotated[Path | None, typer.Option("--data", help="数据文件夹 | Data folder", metavar="DIR")]
Port = Annotated[int | None, typer.Option("--port", help="监听端口 | Port", metavar="N")]
Host = Annotated[str | None, typer.Option("--host", help="监听地址 | Address", metavar="HOST")]


@app.command(help="一处启动全部：数据库、Web、后台任务；首次启动装入演示数据 | Run everything here")
def up(
    data: Data = None,
    port: Port = None,
    host: Host = None,
    empty: Annotated[bool, typer.Option("--empty", help="不装入演示数据 | Without the demonstration")] = False,
) -> None:
    """Runs everything until Ctrl-C."""
    starting.up(data=data, port=port, host=host, empty=empty)


@app.command(help="只运行 Web 服务（数据库由 KANGYUN_DATABASE 指定）| Run the web processes only")
def serve(data: Data = None, port: Port = None, host: Host = None) -> None:
    """Serves HTTP on a migrated database."""
    serving.serve(data=data, port=port, host=host)


@app.command(help="只运行后台任务：变更排序、订阅、导出 | Run the background work only")
def work(data: Data = None) -> None:
    """Runs the background work."""
    serving.work(data=data)


def main() -> None:
    """Runs the command line. An error that a person can act on is said in one line; exit status 1."""
    try:
        app()
    except PlatformError as error:
        for issue in error.issues:
            console.print(f"[red]{speak(issue.text, **issue.parameters)}[/red]")
        sys.exit(1)
