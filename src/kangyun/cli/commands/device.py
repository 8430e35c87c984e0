"""The commands of the register of devices; `cli.devices` carries them out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kangyun.cli.commands.options import By, Data, DryRun, Why

device = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="设备登记、密钥、状态 | Devices")

Name = Annotated[str, typer.Argument(metavar="NAME", help="设备名 | The device's name")]
House = Annotated[str, typer.Option("--institution", metavar="REF", help="机构 Organization/… | The institution")]
NewFile = Annotated[Path, typer.Argument(metavar="FILE", help="新的 .xlsx 文件 | A new .xlsx file")]


@device.command("template", help="写出空白设备名单（Excel）| Write an empty list of devices")
def template(file: NewFile) -> None:
    """A workbook with the header, and a sheet that says what goes where."""
    from kangyun.cli import devices

    devices.write_template(file)


@device.command("enrol", help="按名单登记设备：全部正确才写入；密钥、领用码和标签写在名单旁 | Enrol a list of devices")
def enrol(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="名单（Excel 或 CSV）| The list")],
    institution: House,
    by: By,
    data: Data = None,
    dry_run: DryRun = False,
) -> None:
    """Exit status: 0 the list was carried out, 1 a row is wrong and nothing was written."""
    from kangyun.cli import devices

    sys.exit(devices.enrol_file(data, file, institution, by, dry_run=dry_run))


@device.command("list", help="列出设备和状态 | List devices and how they are")
def list_(
    data: Data = None,
    institution: Annotated[
        str | None, typer.Option("--institution", metavar="REF", help="只列该机构 | Of one institution")
    ] = None,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="只列该状态 | In one state")] = None,
) -> None:
    """One line a device."""
    from kangyun.cli import devices

    devices.list_devices(data, institution, state)


@device.command("show", help="显示一台设备：状态、接入方式、历史、未收下的数据 | Show a device")
def show(name: Name, data: Data = None) -> None:
    """Exit status: 0, or 1 where there is no such device."""
    from kangyun.cli import devices

    devices.show(data, name)


@device.command("health", help="设备状态统计；--xlsx 导出清单 | Counts by state")
def health(
    data: Data = None,
    institution: Annotated[
        str | None, typer.Option("--institution", metavar="REF", help="只算该机构 | Of one institution")
    ] = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", metavar="FILE", help="写出清单 | Write a list")] = None,
) -> None:
    """Counts, and the list where it is asked for."""
    from kangyun.cli import devices

    devices.count(data, institution, xlsx)


@device.command("rotate", help="更换密钥，旧密钥若干小时内仍可用 | Give a new secret")
def rotate(
    name: Name,
    by: By,
    data: Data = None,
    hours: Annotated[int, typer.Option("--overlap-hours", metavar="N", help="旧密钥再用几小时 | Hours")] = 24,
) -> None:
    """Prints the secret: nobody can read it again."""
    from kangyun.cli import devices

    devices.act(data, name, by, "rotate", overlap=hours)


@device.command("revoke", help="注销设备：立即断开，不能恢复 | Let a device in no more, for good")
def revoke(name: Name, by: By, why: Why, data: Data = None) -> None:
    """Listeners hear of it within a second."""
    from kangyun.cli import devices

    devices.act(data, name, by, "revoke", why=why)


@device.command("stop", help="暂停设备 | Let a device in no more, until it is resumed")
def stop(name: Name, by: By, why: Why, data: Data = None) -> None:
    """Listeners hear of it within a second."""
    from kangyun.cli import devices

    devices.act(data, name, by, "stop", why=why)


@device.command("resume", help="恢复已暂停的设备 | Let a stopped device in again")
def resume(name: Name, by: By, why: Why, data: Data = None) -> None:
    """As it was before it was stopped."""
    from kangyun.cli import devices

    devices.act(data, name, by, "resume", why=why)


@device.command("claim-code", help="发新的领用码，旧码作废 | Give a device a new claim code")
def claim_code(name: Name, by: By, data: Data = None) -> None:
    """Prints the code."""
    from kangyun.cli import devices

    devices.act(data, name, by, "claim-code")


@device.command("batch", help="建立批次并打印批次密钥（只此一次）| Make a batch and print its key, once")
def batch(
    name: Annotated[str, typer.Argument(metavar="BATCH", help="批次名 | The batch's name")],
    institution: House,
    by: By,
    data: Data = None,
) -> None:
    """The key is good for nothing but to fetch a device's own secret."""
    from kangyun.cli import devices

    devices.make_batch(data, name, institution, by)


@device.command("authority", help="登记签发设备证书的 CA（PEM 或 DER）| Register the CA of devices' certificates")
def authority(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CA 证书 | The certificate")],
    institution: House,
    by: By,
    data: Data = None,
) -> None:
    """Devices of the institution may then show certificates of it."""
    from kangyun.cli import devices

    devices.add_authority(data, file, institution, by)


@device.command("try", help="用对照文件（.toml）或格式名试读样例，不保存 | Show what a mapping makes of samples")
def try_(
    mapping: Annotated[str, typer.Argument(metavar="MAPPING", help="对照文件或格式名 | A mapping file, or a format")],
    samples: Annotated[list[Path], typer.Argument(metavar="SAMPLE", help="样例文件 | Files with samples")],
) -> None:
    """Exit status: 0 all of it is read, 1 something is refused. Nothing is stored."""
    from kangyun.cli import device_formats

    sys.exit(device_formats.try_format(mapping, samples))


@device.command("replay", help="重新接入某厂商已推送的原始数据（不会重复）| Take a vendor's pushes in again")
def replay(
    vendor: Annotated[str, typer.Argument(metavar="VENDOR", help="厂商（vendors 下的文件名）| The vendor")],
    since: Annotated[str, typer.Option("--since", metavar="INSTANT", help="从何时起 | From when on")],
    until: Annotated[str | None, typer.Option("--until", metavar="INSTANT", help="到何时止 | Until when")] = None,
    data: Data = None,
) -> None:
    """What was there already is not doubled."""
    from kangyun.cli import device_formats

    sys.exit(device_formats.replay(data, vendor, since, until))
