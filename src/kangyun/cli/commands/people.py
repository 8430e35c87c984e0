"""The commands of the register of identities, and of lists of staff; `cli.registers` and `cli.staff` carry them out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kangyun.cli.commands.options import By, Data, DryRun, Why

people = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="身份登记 | The register of identities")
Name = Annotated[str, typer.Argument(metavar="NAME", help="登录名或引用 | Sign-in name or reference")]


@people.command("reset", help="重设一个账号的密码并解除锁定 | Set a new initial password, and unlock")
def reset_password(name: Name, by: By, data: Data = None) -> None:
    """Sets a password that must be changed at the next sign-in, and prints it."""
    from kangyun.cli import registers

    registers.reset(data, name, by)


@people.command("suspend", help="停用一个身份，一秒内生效 | Suspend an identity, within a second")
def suspend_person(name: Name, by: By, why: Why, data: Data = None) -> None:
    """Lets somebody do nothing more."""
    from kangyun.cli import registers

    registers.suspend(data, name, by, why)


@people.command("leave", help="注销一个身份（离职等）| End an identity")
def end_person(name: Name, by: By, why: Why, data: Data = None) -> None:
    """Ends an identity, its roles and sessions."""
    from kangyun.cli import registers

    registers.leave(data, name, by, why)


@people.command("resume", help="恢复一个停用的身份 | Let a suspended identity in again")
def resume_person(name: Name, by: By, why: Why, data: Data = None) -> None:
    """Lets somebody in again."""
    from kangyun.cli import registers

    registers.resume(data, name, by, why)


@people.command("officer", help="登记三员的继任者或另一名任职者 | Admit a successor to one of the three offices")
def add_officer(
    role: Annotated[
        str,
        typer.Argument(
            metavar="ROLE",
            help="system-administrator 系统管理员，security-administrator 安全管理员，"
            "audit-administrator 审计管理员 | Which office",
        ),
    ],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="登录名；没有此人则登记 | Sign-in name; who is not there is admitted")
    ],
    evidence: Annotated[str, typer.Option("--evidence", metavar="TEXT", help="依据，如任命文号 | What was seen")],
    by: By,
    data: Data = None,
    called: Annotated[str, typer.Option("--called", metavar="TEXT", help="姓名，新登记时必填 | The name")] = "",
) -> None:
    """Nobody holds two of the three."""
    from kangyun.cli import registers

    registers.add_officer(data, role, name, called, evidence, by)


@people.command("guardian", help="登记监护人、家属或代理人可替谁办事 | Let a guardian or relative act for a resident")
def add_guardian(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="登录名；没有此人则登记 | Sign-in name; who is not there is admitted")
    ],
    of: Annotated[str, typer.Option("--of", metavar="REF", help="替谁 Patient/… | For whom")],
    relation: Annotated[
        str,
        typer.Option(
            "--relation",
            metavar="CODE",
            help="关系：GUARD 监护人，POWATT 受托人，FAMMEMB 家属，PRN 父母，CHILD 子女，GRPRN 祖父母，GRNDCHILD 孙辈，"
            "SIB 兄弟姐妹，SPS 配偶 | Relation, of v3-RoleCode",
        ),
    ],
    until: Annotated[str, typer.Option("--until", metavar="DATE", help="到哪天为止（含）| Until which day")],
    evidence: Annotated[str, typer.Option("--evidence", metavar="TEXT", help="依据，如户口簿 | What was seen")],
    by: By,
    data: Data = None,
    called: Annotated[str, typer.Option("--called", metavar="TEXT", help="姓名，新登记时必填 | The name")] = "",
    masks: Annotated[
        list[str] | None,
        typer.Option("--mask", metavar="LABEL", help="不给看的标签，可重复，如 psychiatry | A label that is hidden"),
    ] = None,
    hears: Annotated[
        bool, typer.Option("--hears-alarms", help="此人的告警也通知他 | Is told of the resident's alarms")
    ] = False,
) -> None:
    """Lets somebody act for a resident."""
    from kangyun.cli import registers

    registers.add_guardian(data, name, called, of, relation, until, tuple(masks or ()), evidence, by, hears)


@people.command("guardian-end", help="终止代理关系，一秒内生效 | Let somebody act for a resident no more")
def end_guardian(
    name: Name,
    of: Annotated[str, typer.Option("--of", metavar="REF", help="替谁 Patient/… | For whom")],
    by: By,
    why: Why,
    data: Data = None,
) -> None:
    """Lets somebody act for a resident no more."""
    from kangyun.cli import registers

    registers.end_guardian(data, name, of, by, why)


@people.command(
    "reset-factors", help="清除一个账号的第二因素并发放登记码 | Remove second factors, and permit a new one"
)
def reset_factors(name: Name, by: By, data: Data = None) -> None:
    """For who has lost theirs, and for a security administrator whom no other one can help."""
    from kangyun.cli import staff

    staff.reset_factors(data, name, by)


staff = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="人员名单 | Lists of staff")


@staff.command("template", help="写出空白人员名单（Excel）| Write an empty list of staff")
def staff_template(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="新的 .xlsx 文件 | A new .xlsx file")],
) -> None:
    """A workbook with the header, and a sheet that says what goes where."""
    from kangyun.cli import staff as listing

    listing.write_template(file)


@staff.command("import", help="导入人员名单（Excel 或 CSV）；--dry-run 只说明将会如何 | Carry out a list of staff")
def staff_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="人员名单 | The list")],
    by: By,
    data: Data = None,
    dry_run: DryRun = False,
) -> None:
    """Exit status: 0 all rows were carried out, 1 some were refused: they stand in a workbook beside the list."""
    from kangyun.cli import staff as listing

    sys.exit(listing.import_list(data, file, by, dry_run=dry_run))
