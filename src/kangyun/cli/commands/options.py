"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path | None, typer.Option("--data", help="数据文件夹 | Data folder", metavar="DIR")]
Port = Annotated[int | None, typer.Option("--port", help="监听端口 | Port", metavar="N")]
Host = Annotated[str | None, typer.Option("--host", help="监听地址 | Address", metavar="HOST")]
By = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="NAME",
        help="由谁：在册人员的登录名或引用 | By whom: sign-in name or reference of registered staff",
    ),
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="原因 | Why")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="试运行，不写入 | Write nothing")]
