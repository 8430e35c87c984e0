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
    metrics_token: Annotated[
        str,
        "监控系统读取 /metrics 的令牌，至少 32 字符，空则仅管理员可读 | "
        "Token by which the watch reads /metrics, 32 characters or more; empty: administrators only",
    ] = ""
    demo: Annotated[bool, "演示实例（示例登录与演示数据）| Demonstration (sample sign-ins and data)"] = False
    workers: Annotated[int, "Web 进程数，0 为每核一个 | Web processes; 0: one a core"] = 0
    connections: Annotated[int, "每个 Web 进程的数据库连接数 | Database connections of each web process"] = 12
    time_zone: Annotated[str, "无时区日期时间所属时区 | Zone of dates and times that name none"] = "Asia/Shanghai"
    cipher: Annotated[str, "正文加密算法 sm4 或 aes | Cipher of bodies: sm4 or aes"] = "sm4"
    root_key: Annotated[str, "根密钥文件，空则在数据文件夹 | File of the root key; empty: in the data folder"] = ""
    crypto: Annotated[
        str,
        "密码后端：software、sdf（GM/T 0018）或 pkcs11 | Cryptographic back end: software, sdf (GM/T 0018) or pkcs11",
    ] = "software"
    crypto_library: Annotated[str, "密码设备的驱动库文件 | Library of the cryptographic device"] = ""
    crypto_token: Annotated[str, "PKCS#11 令牌的标签 | Label of the PKCS#11 token"] = ""
    crypto_key: Annotated[
        str, "设备中根密钥的编号（sdf）或标签（pkcs11）| The root key in the device: its index (sdf) or label (pkcs11)"
    ] = "1"
    crypto_signing_key: Annotated[
        str, "设备中签名密钥的编号或标签 | The signing key in the device: its index or label"
    ] = "1"
    crypto_pin: Annotated[str, "设备口令 | PIN of the device"] = ""
    crypto_mechanisms: Annotated[
        str,
        "PKCS#11 厂商国密机制编号 | The maker's numbers of mechanisms (PKCS#11): cbc=0x…,sign=0x…,wrap=0x…,make=0x…",
    ] = ""
    signing_server: Annotated[
        str, "签名验签服务器地址，空则由密码后端签名 | URL of a signature server; empty: the back end signs"
    ] = ""
    signing_server_key: Annotated[int, "签名验签服务器中的密钥编号 | Index of the key in the signature server"] = 1
    signing_server_pin: Annotated[str, "该密钥的口令 | PIN of that key"] = ""
    time_stamp_server: Annotated[str, "时间戳服务器地址，空则不加时间戳 | URL of a time-stamp server; empty: none"] = ""
    trusted_proxies: Annotated[
        str,
        "可信反向代理（国密网关）的地址或网段，逗号分隔 | Addresses of reverse proxies whose X-Forwarded-For and"
        " X-Client-Certificate are believed, separated by commas",
    ] = ""
    key_days: Annotated[int, "纪元密钥更换的天数 | Days after which the epoch key is renewed"] = 30
    ledger: Annotated[
        str, "库外台账文件，空则在数据文件夹 | File of the ledger outside the database; empty: in the data folder"
    ] = ""
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
    series_days: Annotated[
        int,
        "设备逐次读数（曲线）保留的天数，0 为一直保留；病历中的记录不受影响 | "
        "Days for which the samples of devices are kept, 0: for ever; Observations stay",
    ] = 0
    feed_days: Annotated[
        int, "机构交来的原始数据的保留天数 | Days that what institutions delivered is kept as it came"
    ] = 90
    subscription_hosts: Annotated[
        str, "订阅可通知的内网地址，逗号分隔 | Inner hosts that subscriptions may call, separated by commas"
    ] = ""
    message_url: Annotated[
        str, "短信与语音网关地址，空则不能发送验证码 | Gateway for SMS and voice; empty: no codes can be sent"
    ] = ""
    message_key: Annotated[str, "短信网关签名密钥 | Key that messages to the gateway are signed with"] = ""
    message_hosts: Annotated[
        str, "短信网关、微信代理的内网地址，逗号分隔 | Inner hosts of the gateway and of a proxy to WeChat, by commas"
    ] = ""
    wechat_url: Annotated[str, "微信接口地址 | Address of WeChat's API"] = "https://api.weixin.qq.com"
    wechat_app: Annotated[str, "微信小程序 AppID，空则停用微信登录 | WeChat AppID; empty: no sign-in by WeChat"] = ""
    wechat_secret: Annotated[str, "微信小程序 AppSecret | WeChat AppSecret"] = ""
    help_phone: Annotated[
        str,
        "居民端每页的求助电话，默认卫生热线 | Whom residents can call from every page; default: the health hotline",
    ] = "12320"
    look_frames: Annotated[
        str,
        "可在框架中嵌入诊间调阅页的来源（如 https://his.example），逗号分隔，空则都不可 | "
        "Origins whose pages may frame the doctor's look, separated by commas; empty: none",
    ] = ""
    card_readers: Annotated[
        str,
        "控制台可调用的本机读卡服务地址（如 http://127.0.0.1:18989/read），逗号分隔，空则没有 | "
        "Card readers' services on the user's own computer that the console may ask, separated by commas; empty: none",
    ] = ""
    session_hours: Annotated[float, "登录最长有效小时数 | Hours that a sign-in lasts at most"] = 12.0
    idle_minutes: Annotated[
        float, "无操作多少分钟后自动退出 | Minutes without a request after which a sign-in ends"
    ] = 30.0
    resident_days: Annotated[
        float,
        "居民和监护人的登录保持多少天（不论有无操作），0 与工作人员相同 | "
        "Days that the sign-in of a resident or guardian lasts, used or not; 0: as that of staff",
    ] = 0.0
    sessions_each: Annotated[
        int,
        "每个账号同时登录数，0 不限；超出则最早的退出 | Sign-ins of an account at once, the oldest ends; 0: no limit",
    ] = 0
    password_length: Annotated[int, "密码最短长度 | Shortest password (characters)"] = 10
    password_days: Annotated[int, "密码有效天数，0 不限 | Days after which a password must be changed; 0: never"] = 90
    token_minutes: Annotated[
        float, "发给应用的访问令牌有效分钟数 | Minutes that an application's access token is good for"
    ] = 10.0
    sign_in_hosts: Annotated[
        str,
        "登录可访问的内网地址（应用公钥、外部身份提供方），逗号分隔 | "
        "Inner hosts that sign-in may call (applications' keys, the outside provider), separated by commas",
    ] = ""
    oidc_issuer: Annotated[
        str, "外部 OpenID 身份提供方，空则没有 | Issuer of an outside OpenID provider; empty: none"
    ] = ""
    oidc_client: Annotated[
        str, "外部令牌的受众（本平台在其处的 client id）| Audience of its tokens: our client id there"
    ] = ""
    oidc_mapping: Annotated[
        str,
        "外部声明对应表，空则为数据文件夹的 oidc.toml | File that maps its claims; empty: oidc.toml in the data folder",
    ] = ""
    audit_months: Annotated[
        int,
        "审计记录留在数据库中的月数，至少 6，更早的由 kangyun audit archive 归档 | "
        "Months that audit rows stay in the database, 6 or more; kangyun audit archive takes out older ones",
    ] = 12
    audit_archive: Annotated[
        str, "审计归档文件夹，空则在数据文件夹 | Folder of the audit archive; empty: in the data folder"
    ] = ""
    alert_rules: Annotated[
        str, "异常行为告警规则文件，空则用随附规则 | File of alert rules; empty: those that are shipped"
    ] = ""
    backup_folder: Annotated[
        str, "备份文件夹（挂载的另一台机器），空则不备份 | Folder of the backups, another machine's; empty: none"
    ] = ""
    backup_hours: Annotated[int, "每隔多少小时做一次完整备份 | Hours between two base copies"] = 24
    backup_keep: Annotated[int, "保留的完整备份份数 | Base copies that are kept"] = 7
    synchronous_standby: Annotated[
        bool, "写入须等备机落盘才应答（内置数据库）| Writes wait for the standby's disk (embedded server)"
    ] = False
    tls_authority: Annotated[
        str,
        "签发平台 HTTPS 证书的机构的证书（PEM），放进对接包；公共机构签发的不用填 | "
        "Certificate of who issued the platform's own, for joining packages; empty: a public authority",
    ] = ""
    device_host: Annotated[str, "设备接入（MQTT）的监听地址 | Address to listen on for devices (MQTT)"] = "127.0.0.1"
    device_port: Annotated[
        int, "设备接入（MQTT）端口，常用 8883（TLS）或 1883，0 则不监听 | Port for devices (MQTT); 0: none"
    ] = 0
    device_certificate: Annotated[
        str,
        "设备接入的服务器证书（PEM），空则不用 TLS，只能监听本机 | Certificate; empty: no TLS, on this machine only",
    ] = ""
    device_key: Annotated[str, "该证书的私钥（PEM）| Private key of that certificate (PEM)"] = ""
    device_workers: Annotated[int, "设备接入的进程数 | Processes that listen for devices"] = 1
    device_log: Annotated[
        str,
        "设备消息日志的文件夹，空则在数据文件夹；集群填 JetStream 地址 nats://用户:口令@主机:4222,… | "
        "Folder of the log of device messages, empty: in the data folder; or servers of JetStream",
    ] = ""
    device_log_replicas: Annotated[int, "JetStream 中每条消息的副本数 | Replicas of each message in JetStream"] = 3
    device_log_bytes: Annotated[
        int, "JetStream 中每条通道的最大字节数，满了就拒收 | Bytes of each lane in JetStream; full, it refuses"
    ] = 50_000_000_000
    device_log_hours: Annotated[
        float,
        "已入库的设备消息在日志中保留的小时数 | Hours that device messages stay in the log after they were taken in",
    ] = 48.0
    log_level: Annotated[str, "日志级别 | Log level"] = "info"


FILE, PREFIX = "kangyun.toml", "KANGYUN_"
SHORTEST_ADMIN_TOKEN = 32
FEWEST_AUDIT_MONTHS = 6
"""Cybersecurity Law of the PRC, article 21 (3)."""


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
    for name, value in _file(folder / FILE).items():
        if name not in fields:
            raise Invalid("base.unknown-setting", name=name)
        chosen.setdefault(name, value)
    settings = _converted(chosen)
    if settings.admin_token and len(settings.admin_token) < SHORTEST_ADMIN_TOKEN:
        raise Invalid("base.short-admin-token", least=SHORTEST_ADMIN_TOKEN)
    if settings.metrics_token and len(settings.metrics_token) < SHORTEST_ADMIN_TOKEN:
        raise Invalid("base.short-metrics-token", least=SHORTEST_ADMIN_TOKEN)
    if settings.cipher not in ("sm4", "aes"):
        raise Invalid("base.wrong-setting", name="cipher")
    if settings.crypto not in ("software", "sdf", "pkcs11"):
        raise Invalid("base.wrong-setting", name="crypto")
    if settings.audit_months < FEWEST_AUDIT_MONTHS:
        raise Invalid("base.wrong-setting", name="audit_months")
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


def origin(name: str, settings: Settings, environment: Mapping[str, str] = os.environ) -> str:
    """Returns where a setting in force comes from: environment, file, start (the command line), or default."""
    if PREFIX + name.upper() in environment:
        return "environment"
    if name in _file(settings.data / FILE):
        return "file"
    return "default" if getattr(settings, name) == getattr(Settings(), name) else "start"


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
