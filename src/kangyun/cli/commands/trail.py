"""The commands of the audit trail; `cli.audit` carries them out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kangyun.cli.commands.options import Data

audit = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="审计记录 | The audit trail")


@audit.callback()
def _audit() -> None:
    """A group."""


@audit.command(
    help="""核对审计记录是否与封存时一致；有改动、删除、插入时逐条指出 | Say whether the trail is as it was sealed

封条的副本每分钟写入数据文件夹的 trail/roots.ndjson；请把它复制到数据库管理员不能改写之处，用 --roots 核对那一份。
每行都有平台签名，证书在同一文件夹的 signing.pem；请另处保存一份，用 --certificate 指定。
随后核对档案的每个版本与写入时封存的摘要：被删除、改动、插入的逐一指出；依法删除（库外账本）与清除（审计）的不算。

The newest seal goes to trail/roots.ndjson in the data folder each minute. Copy it to where who administers the database
cannot write, and give that copy by --roots. Its lines are signed; signing.pem beside it has the certificate: keep a
copy of that elsewhere too, and give it by --certificate. Then each version of the record is held against the digest
that was sealed when it was written; what was erased (by the ledger) or expunged (by the trail) is no fault. Exit
status: 0 nothing is wrong, 1 something is, 2 it could not be verified."""
)
def verify(
    data: Data = None,
    roots: Annotated[
        Path | None, typer.Option(metavar="FILE", help="另处保存的封条副本 | A copy of the roots kept elsewhere")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="另处保存的签名证书 | The signing certificate, kept elsewhere")
    ] = None,
    archives: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="归档文件所在文件夹 | Folder of the archives")
    ] = None,
    trail_only: Annotated[
        bool, typer.Option("--trail-only", help="不核对档案各版本 | Leave the versions of the record out")
    ] = False,
) -> None:
    """Looks through the audit trail, and through the record by it."""
    from kangyun.cli import audit as auditing

    sys.exit(auditing.verify_trail(data, roots, certificate, archives, trail_only=trail_only))


@audit.command(
    help="""把早于 KANGYUN_AUDIT_MONTHS 个月的审计记录移入归档文件 | Take old parts of the audit trail to files

每个文件写完后重新读出核对，一致才从数据库移出；kangyun audit verify 连同归档一起核对。请把归档复制到不能改写之处。

Each file is read again, and only when it holds are its rows taken out of the database; kangyun audit verify goes
through the archives as well. Copy them to where nobody can write. Exit status: 0, or 2 when it could not be done."""
)
def archive(data: Data = None) -> None:
    """Takes old parts of the audit trail to files."""
    from kangyun.cli import audit as auditing

    sys.exit(auditing.archive_trail(data))
