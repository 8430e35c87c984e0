"""Every setting of the platform, in one place: its name, its default, its unit and what it does.

A value comes from the environment (`KANGYUN_PORT`), else from `kangyun.toml` in the data folder, else from the default.
`docs/operations.md` carries the table that `describe` makes; a test holds that they agree.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from kangyun.base.errors import Invalid


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an installation may set."""

    data: Annotated[Path, "数据文件夹 | Data folder"] = Path("data")
    host: Annotated[str, "监听地址 | Address to listen on"] = "127.0.0.1"
    port: Annotated[int, "监听端口 | Port to listen on"] = 8080
    public_url: Annotated[
        str, "对外的 FHIR 基地址，空则按监听地址 | Public FHIR base URL; empty: from host and port"
    ] = ""
    former_urls: Annotated[str, "曾用基地址，逗号分隔 | Former base URLs, separated by commas"] = ""
    cors_origins: Annotated[
        str, "允许跨域访问的网页来源，逗号分隔 | Origins whose pages may call the API, separated by commas"
    ] = ""
    database: Annotated[str, "PostgreSQL 地址，空则用内置数据库 | PostgreSQL URL; empty: the embedded server"] = ""
    admin_token: Annotated[
        str, "管理员令牌，至少 32 字符，空则没有 | Administrator's bearer token, 32 characters or more; empty: none"
    ] = ""
    demo: Annotated[bool, "演示实例（示例登录与演示数据）| Demonstration (sample sign-ins and data)"] = False
    workers: Annotated[int, "Web 进程数，0 为每核一个 | Web processes; 0: one a core"] = 0
    connections: Annotated[int, "每个 Web 进程的数据库连接数 | Database connections of each web process"] = 12
    time_zone: Annotated[str, "无时区日期时间所属时区 | Zone of dates and times that name none"] = "Asia/Shanghai"
    cipher: Annotated[str, "正文加密算法 sm4 或 aes | Cipher of bodies: sm4 or aes"] = "sm4"
    root_key: Annotated[str, "根密钥文件，空则在数据文件夹 | File of the root key; empty: in the data folder"] = ""
    body_limit: Annotated[int, "请求正文上限（字节）| Largest request body (bytes)"] = 64_000_000
    body_memory: Annotated[
        int, "每进程同时处理的请求正文总量（字节）| Request bodies held at once by a process (bytes)"
    ] = 256_000_000
    disk_reserve: Annotated[
        int, "磁盘剩余低于此值时停止写入（字节）| Free disk below which nothing more is written (bytes)"
    ] = 256_000_000
    search_seconds: Annotated[
        float, "单次查询的数据库时间上限（秒）| Database time that a search may take (seconds)"
    ] = 2.0
    interactive_limit: Annotated[int, "每进程同时处理的交互请求数 | Interactive requests at once in a process"] = 256
    feed_limit: Annotated[int, "每进程同时处理的批量写入请求数 | Bundles at once in a process"] = 8
    bulk_limit: Annotated[int, "每进程同时处理的导入导出请求数 | Bulk requests at once in a process"] = 2
    import_folder: Annotated[
        str, "$import 可读取的本地文件夹，空则禁止 file: 地址 | Folder that $import may read by file: URLs; empty: none"
    ] = ""
    import_hosts: Annotated[
        str, "$import 可读取的内网地址，逗号分隔 | Inner hosts that $import may read from, separated by commas"
    ] = ""
    bulk_workers: Annotated[int, "批量导入的进程数，0 为每核一个 | Processes of an import; 0: one a core"] = 0
    bulk_hours: Annotated[int, "导出文件与导入报告的保留小时数 | Hours that bulk files are kept"] = 24
    subscription_hosts: Annotated[
        str, "订阅可通知的内网地址，逗号分隔 | Inner hosts that subscriptions may call, separated by commas"
    ] = ""
    log_level: Annotated[str, "日志级别 | Log level"] = "info"


PREFIX = "KANGYUN_"
SHORTEST_ADMIN_TOKEN = 32


def read_settings(environment: Mapping[str, str] = os.environ, **given: object) -> Settings:
    """Reads the settings; `given` (from the command line) wins over the environment, that over the file.

    Raises Invalid, naming the setting, for an unknown name or a value that does not fit.
    """
    fields = set(Settings.__struct_fields__)
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name, text in environment.items():
        if name.startswith(PREFIX) and name[len(PREFIX) :].lower() in fields:
            chosen.setdefault(name[len(PREFIX) :].lower(), text)
    folder = Path(chosen.get("data", Settings().data))
    for name, value in _file(folder / "kangyun.toml").items():
        if name not in fields:
            raise Invalid("base.unknown-setting", name=name)
        chosen.setdefault(name, value)
    settings = _converted(chosen)
    if settings.admin_token and len(settings.admin_token) < SHORTEST_ADMIN_TOKEN:
        raise Invalid("base.short-admin-token", least=SHORTEST_ADMIN_TOKEN)
    if settings.cipher not in ("sm4", "aes"):
        raise Invalid("base.wrong-setting", name="cipher")
    try:
        ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("base.wrong-setting", name="time_zone") from None
    return settings


def describe() -> list[tuple[str, str, str, str]]:
    """Returns a row a setting: environment name, default, Chinese and English description."""
    hints = get_type_hints(Settings, include_extras=True)
    rows = []
    for field in msgspec.structs.fields(Settings):
        chinese, _, english = hints[field.name].__metadata__[0].partition("|")
        rows.append((PREFIX + field.name.upper(), str(field.default), chinese.strip(), english.strip()))
    return rows


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise Invalid("base.wrong-settings-file", file=str(path)) from None


def _converted(chosen: dict[str, Any]) -> Settings:
    hints = get_type_hints(Settings)
    fitted = {}
    for name, value in chosen.items():
        try:
            fitted[name] = msgspec.convert(
                str(value) if hints[name] in (str, Path) else value, hints[name], strict=False, dec_hook=_path
            )
        except msgspec.ValidationError:
            raise Invalid("base.wrong-setting", name=name) from None
    return Settings(**fitted)


def _path(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value
