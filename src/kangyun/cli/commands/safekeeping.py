"""The commands that keep the record safe: backup, restore, drill, archive, standby, promote. Joined to the others in
`cli.main`; each command's module is loaded when it is called."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from kangyun.base.errors import Invalid
from kangyun.cli.commands.options import Data

From = Annotated[
    Path | None,
    typer.Option("--from", metavar="DIR", help="备份文件夹，默认 KANGYUN_BACKUP_FOLDER | Folder of the backups"),
]
RootKey = Annotated[
    Path | None, typer.Option("--root-key", metavar="FILE", help="另处保管的根密钥 | A root key that was kept apart")
]
backups = typer.Typer(rich_markup_mode=None, help="加密备份 | Encrypted backups")


@backups.callback(
    invoke_without_command=True,
    help="""做一份加密的完整备份，可在运行中进行 | Take an encrypted base copy, also while serving

例 | Example:  kangyun backup --to /mnt/backup --keep 14

备份文件夹中没有明文，也没有根密钥：根密钥必须另处保管，没有它备份无法恢复。
设置 KANGYUN_BACKUP_FOLDER 之后，kangyun up 按 KANGYUN_BACKUP_HOURS 定时做完整备份，并持续归档日志（约一两秒一次）。

Nothing on the medium is in clear, and the root key is not on it: keep that apart, without it nothing can be restored.
With KANGYUN_BACKUP_FOLDER, kangyun up takes a copy every KANGYUN_BACKUP_HOURS and archives the log as it comes.""",
)
def backup(
    context: typer.Context,
    data: Data = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="备份文件夹，默认 KANGYUN_BACKUP_FOLDER | Folder of the backups"),
    ] = None,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="保留的完整备份份数 | Base copies that are kept")
    ] = None,
) -> None:
    """Takes a copy, where no other command is named."""
    if context.invoked_subcommand is None:
        from kangyun.cli import backup as copying

        copying.backup(data, to, keep)


@backups.command("list", help="列出备份，以及可以恢复到哪一段时间 | Which copies there are, and how far the log goes")
def list_(data: Data = None, from_: From = None, root_key: RootKey = None) -> None:
    """Says what stands on the medium."""
    from kangyun.cli import backup as copying

    copying.list_backups(data, from_, root_key)


@backups.command(help="更换根密钥之后，让旧备份改由新根密钥打开 | Let the present root key open former backups")
def rewrap(
    old: Annotated[Path, typer.Option("--old-root-key", metavar="FILE", help="原来的根密钥 | The one before")],
    data: Data = None,
    from_: From = None,
) -> None:
    """Seals the keys of the medium anew."""
    from kangyun.cli import backup as copying

    copying.rewrap(data, from_, old)


def restore(
    data: Data = None,
    from_: From = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="INSTANT", help="恢复到此时刻，例如 2026-11-22T10:00:00+08:00 | Up to this instant"
        ),
    ] = None,
    root_key: RootKey = None,
    backup: Annotated[
        str | None, typer.Option("--backup", metavar="ID", help="从这一份备份开始 | Begin with this copy")
    ] = None,
    timeline: Annotated[
        int | None, typer.Option("--timeline", metavar="N", help="沿此时间线恢复 | Along this timeline")
    ] = None,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="把现有的（以其他方式恢复的）数据库作为当前数据库 | Take the database as it is"),
    ] = False,
) -> None:
    """Restores an installation, or accepts one that was restored by other means."""
    from kangyun.cli import restore as restoring

    if accept:
        restoring.accept_present(data)
    else:
        restoring.restore(restoring.Order(data, from_, _instant(at), root_key, backup, timeline))


def drill(
    data: Data = None,
    from_: From = None,
    root_key: RootKey = None,
    scratch: Annotated[
        Path | None,
        typer.Option("--scratch", metavar="DIR", help="临时文件夹，须为空 | An empty folder to restore into"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="同时输出 JSON | As JSON, too")] = False,
) -> None:
    """Exit status: 0 all is as it should be, 1 something is not."""
    from kangyun.cli import drill as drilling

    sys.exit(0 if drilling.drill(data, from_, root_key, scratch, as_json=as_json) else 1)


def archive(data: Data = None) -> None:
    """Archives until told to stop."""
    from kangyun.cli import archive as archiving

    archiving.archive(data)


def standby(
    of: Annotated[Path, typer.Option("--of", metavar="DIR", help="主库的数据文件夹 | Data folder of the primary")],
    data: Data = None,
) -> None:
    """Follows until told to stop, or promoted."""
    from kangyun.cli import standby as following

    following.standby(data, of)


def promote(
    data: Data = None,
    fenced: Annotated[
        bool,
        typer.Option("--fenced", help="已确认主库不会再启动（主库文件夹不可达时）| The primary cannot come back"),
    ] = False,
) -> None:
    """Lets a standby take the primary's place."""
    from kangyun.cli import standby as following

    following.promote(data, fenced=fenced)


def join(app: typer.Typer) -> None:
    """Adds the commands to the `kangyun` command."""
    app.add_typer(backups, name="backup")
    app.command(
        help="""从加密备份恢复到空的数据文件夹，可指定时刻 | Restore an installation, up to any instant

例 | Example:  kangyun restore --from /mnt/backup --data /srv/kangyun --at 2026-11-22T10:00:00+08:00 --root-key FILE

拒绝覆盖现有数据库。恢复之后变更流进入新的 epoch，审计记录中记下这次恢复，并重新执行此后的擦除、撤回与吊销。
数据库以其他方式恢复（自备的 PostgreSQL、停机复制的文件夹）之后，执行 kangyun restore --accept。

Never over a database that is there. Afterwards the feed is in a new epoch, the audit trail says so, and what was
erased, withdrawn and revoked since is so again. After another way of restoring: kangyun restore --accept."""
    )(restore)
    app.command(
        help="演练：把最新备份恢复到临时处，与现有档案核对，给出恢复点和恢复时间 | Drill a restore, and measure it"
    )(drill)
    app.command(
        help="""备机：持续跟随另一个数据文件夹的内置数据库 | Follow the embedded database of another data folder

例 | Example:  kangyun standby --of /var/lib/kangyun --data /disk2/kangyun

主库设置 KANGYUN_SYNCHRONOUS_STANDBY=true 后，每次写入都等备机落盘才应答，已应答的写入不会因主库损坏而丢失；
备机不在时写入会一直等待。切换用 kangyun promote。
本地区的规则（policy.toml、labels.toml、policy/、oidc.toml）、封条副本、台账和审计归档会带到备机；根密钥不会，请自行放到备机的
数据文件夹。主库有 kangyun.toml 的，备机也要有自己的一份：没有则不能接管。

With KANGYUN_SYNCHRONOUS_STANDBY on the primary, no write is acknowledged before the standby has it on its disk, and
writes wait while there is none. To take over: kangyun promote. The region's rules, the roots, the ledger and archives
of the trail come along; the root key does not. Where the primary has a kangyun.toml, the standby needs one of its own:
it is not promoted without."""
    )(standby)
    app.command(
        help="""备机接管：主库已停止时，让备机成为主库 | Let a standby take the primary's place, once that has stopped

主库仍在运行时拒绝。主库的数据文件夹会被标记，不能再启动；要用它，请清空后重新作为备机。

Refused while the primary runs. Its folder is marked and does not start again; empty it to make it a standby."""
    )(promote)
    app.command(help="只运行日志归档和定时备份（数据库由 KANGYUN_DATABASE 指定）| Run the archiving only")(archive)


def _instant(text: str | None) -> datetime | None:
    """Reads an instant. Raises Invalid for one that is none, or that names no zone."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("cli.restore-instant", given=text) from None
    if instant.tzinfo is None:
        raise Invalid("cli.restore-instant", given=text)
    return instant
