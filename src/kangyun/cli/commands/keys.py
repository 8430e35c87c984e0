"""The commands of cryptography and keys; `cli.crypto` and `cli.keys` carry them out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kangyun.cli.commands.options import Data

crypto = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="密码与证书 | Cryptography and certificates")


@crypto.command(
    help="""检查密码后端：是什么、自检是否通过、密评是否计分 | Say which back end has the keys, and test it

逐项以标准中的示例自检；任何一项不符即不启用。已有数据时，还核对根密钥是否与数据相符。退出码：0 通过，1 未通过。

Tested by the examples of the standards; a back end that fails one is not taken into use. Where there are data, the
root key is held against them. Exit status: 0 passed, 1 failed."""
)
def check(data: Data = None) -> None:
    """Tests the back end."""
    from kangyun.cli import crypto as checking

    sys.exit(checking.check(data))


@crypto.command(
    help="""信任证书颁发机构的证书，或更新其吊销列表（PEM 或 DER）| Trust an authority, or bring its revocation list

请先与颁发机构核对指纹。吊销列表可由定时任务每日更新，旧的不会盖过新的。

Compare the fingerprint with the authority first. A list may be brought by a daily job; an older one changes nothing."""
)
def trust(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="证书或吊销列表 | Certificates or lists")],
    data: Data = None,
) -> None:
    """Takes in certificates and lists."""
    from kangyun.cli import crypto as trusting

    sys.exit(trusting.trust(data, files))


keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="密钥 | Keys")
Copy = Annotated[Path, typer.Argument(metavar="FILE", help="密钥副本 | Copy of the keys")]


@keys.command(help="密钥的现状：根密钥、密钥纪元、分份保管 | How the keys stand")
def status(data: Data = None) -> None:
    """Says how the keys stand."""
    from kangyun.cli import keys as keeping

    keeping.status(data)


@keys.command(
    help="""立即更换纪元密钥并销毁旧的；--root 则更换根密钥 | Renew the epoch key now, or the root key

纪元密钥到期由后台自动更换，不停机。抹除居民之后立即更换，旧备份中的此人数据随即不可读。
--root：新的根密钥就位，旧的文件改名留在旁边，由操作者另处保管或销毁；之后请重新分份，并把新文件放到每台主机。

The epoch key is renewed by itself when it is due, without a stop. Renewed right after an erasure, it makes what old
backups have of that resident unreadable at once. With --root a new root key takes the place of the file; the old file
stays beside it, for the operator to put away. Share the new one out then, and put it on every host."""
)
def rotate(
    data: Data = None,
    root: Annotated[bool, typer.Option("--root", help="更换根密钥 | Change the root key")] = False,
) -> None:
    """Renews keys."""
    from kangyun.cli import keys as keeping

    keeping.rotate(data, root=root)


@keys.command(
    "check", help="逐个打开全部密钥，并核对库外台账 | Open every key, and hold the ledger against the database"
)
def check_keys(data: Data = None) -> None:
    """Exit status: 0 nothing is wrong, 1 something is."""
    from kangyun.cli import keys as keeping

    sys.exit(keeping.check(data))


@keys.command(
    help="""把根密钥分为若干份，由多人分别保管 | Write the root key in shares for several persons

例 | Example:  kangyun keys escrow /media/usb --shares 5 --needed 3

每份一个文件，权限 0600。请立即分发，并从该文件夹中删除。 One file a share. Hand them out and delete them there."""
)
def escrow(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="写入的文件夹 | Folder to write to")],
    data: Data = None,
    shares: Annotated[int, typer.Option("--shares", help="总份数 | How many shares", metavar="N")] = 5,
    needed: Annotated[int, typer.Option("--needed", help="恢复所需份数 | How many are needed", metavar="M")] = 3,
) -> None:
    """Shares the root key out."""
    from kangyun.cli import keys as keeping

    keeping.share_out(data, shares, needed, folder)


@keys.command(help="由分份恢复根密钥文件；不覆盖已有文件 | Bring the root key file back from its shares")
def recover(
    paths: Annotated[list[Path], typer.Argument(metavar="SHARE…", help="分份文件 | Share files")],
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="根密钥文件 | Root key file")],
) -> None:
    """Makes the root key file."""
    from kangyun.cli import keys as keeping

    keeping.recover(paths, to)


@keys.command(help="另存一份密钥副本，恢复旧备份时需要 | Write a copy of the keys, for restoring older backups")
def save(file: Copy, data: Data = None) -> None:
    """Writes the copy, in the place of the one before."""
    from kangyun.cli import keys as keeping

    keeping.save(data, file)


@keys.command(
    "load", help="把较新的密钥副本装入由旧备份恢复的数据库 | Put a newer copy of the keys into a restored database"
)
def load_keys(file: Copy, data: Data = None) -> None:
    """Takes the copy in."""
    from kangyun.cli import keys as keeping

    keeping.load(data, file)
