"""`kangyun simulate`: a synthetic city into a folder, and people who wear devices. A folder alone means the city."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from kangyun.cli.commands.options import Data

CITY = "city"


class _CityFirst(TyperGroup):
    """What names no command of the group names a folder for the city."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the city's command before what is not a command."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [CITY, *args]
        return super().parse_args(ctx, args)


simulate = typer.Typer(
    cls=_CityFirst, no_args_is_help=True, rich_markup_mode=None,
    help="""生成虚构数据：一座城市（写入文件夹），或佩戴设备的人（实时发送） | Invented data: a city, or wearers

例 | Examples:

  kangyun simulate /srv/city --residents 1000 --years 5

  kangyun simulate devices --people 200 --rate 50""",
)  # fmt: skip


@simulate.command(
    CITY,
    help="""生成一座虚构的城市：居民、机构、就诊与登记，附“谁是谁”的真值 | Write a synthetic city to a folder

例 | Examples:

  kangyun simulate /srv/city --residents 1000 --years 5

  kangyun simulate /srv/who --residents 100000 --registrations --errors learning

同一种子得到同样的城市。各机构按错误模型各写各的登记；--errors none 则每位居民一条正确的登记。全部为演示数据：
身份证号使用不存在的行政区划（99 开头），只应装入演示实例。

The same seed gives the same city. Each institution writes people down in its own way, by an error model; --errors none
gives one right Patient each. All of it is demonstration data, for installations that say so.""",
)
def city(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="空文件夹 | An empty folder")],
    residents: Annotated[int, typer.Option("--residents", min=0, help="居民人数 | How many residents")] = 1000,
    years: Annotated[float, typer.Option("--years", min=0.1, max=12, help="记录年数 | Years of record")] = 5.0,
    seed: Annotated[int, typer.Option("--seed", help="随机种子 | Seed")] = 1,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="截至日期，默认今天 | Last day")
    ] = None,
    errors: Annotated[
        str, typer.Option("--errors", help="错误模型 learning、judging 或 none | Error model")
    ] = "judging",
    registrations: Annotated[
        bool, typer.Option("--registrations", help="只写登记，很快 | Registrations only, fast")
    ] = False,
    each: Annotated[int, typer.Option("--each", min=1, max=12, help="每人登记数 | Registrations a resident")] = 4,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="覆盖以前生成的文件 | Over a former city")] = False,
    sending: Annotated[
        bool, typer.Option("--sending", help="另写各医院上传的表和消息 | Also what the hospitals send")
    ] = False,
) -> None:
    """Writes a synthetic city."""
    from kangyun.cli import simulate as simulating

    last = until.date() if until else None
    wish = simulating.Wish(folder, residents, years, seed, last, errors, registrations, each, overwrite, sending)
    sys.exit(simulating.simulate(wish))


@simulate.command(
    "devices",
    help="""让虚构的人佩戴设备，经 MQTT 实时发送，直到 Ctrl-C | People who wear devices, sending by MQTT

例 | Examples:

  kangyun simulate devices --people 200

  kangyun simulate devices --people 2000 --rate 1000 --seconds 300

设备在平台登记一次，名称和密钥存于数据文件夹（simulated-devices.json，权限 0600）。含断线补传、重复发送、时钟不准、
异常值、SOS 和跌倒。只应在演示或测试实例中使用。

The devices are enrolled once; names and secrets stand in the data folder. With outages, repeats, wrong clocks, odd
values, SOS and falls. For installations of demonstration or test only.""",
)
def devices(
    data: Data = None,
    people: Annotated[int, typer.Option("--people", min=1, help="人数 | How many people")] = 200,
    rate: Annotated[
        float, typer.Option("--rate", min=0, help="全部设备每秒读数，0 为每台每分钟一次 | Readings a second of all")
    ] = 0.0,
    host: Annotated[str, typer.Option("--host", help="MQTT 地址 | Where the platform listens")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="MQTT 端口 | Its port")] = 1883,
    authority: Annotated[
        Path | None, typer.Option("--ca", help="TLS：签发机构证书（PEM）；不填则不加密 | Authority of its certificate")
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="运行秒数，0 为一直 | For so long")] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="随机种子 | Seed")] = 1,
    faults: Annotated[bool, typer.Option("--faults/--no-faults", help="设备会不会出错 | With faults")] = True,
) -> None:
    """Has people wear devices."""
    from kangyun.cli import wearers

    sys.exit(wearers.simulate(wearers.Wish(people, rate, host, port, authority, seconds, seed, faults), data))
