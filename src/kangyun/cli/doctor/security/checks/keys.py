"""Keys and ciphers: where the root key is, which back end holds it, what is sealed and what stands in clear.

Sources: GB/T 39786-2021 (what a software back end does is not counted), GB/T 32907-2016 (SM4), RFC 8878 (zstd).
"""

import os
from datetime import timedelta
from pathlib import Path

from kangyun.cli.doctor.security.site import Site, mode_of
from kangyun.cli.doctor.security.verdicts import Finding, environment, met, partly, unknown, unmet

SOFTWARE = "software"
SAMPLE = 200  # bodies that are looked at
JSON_HEADS = (b'{"', b"[{")
ZSTD = bytes.fromhex("28b52ffd")
DEFAULT_DAYS, GRACE = 30, 5
_BODIES = "SELECT substr(body, 1, 4) AS head, length(body) AS size FROM version LIMIT $1"
LEAST_SEALED = 28  # bytes of nonce and tag
DEVICES = Path("/sys/dev/block")


def _back_end(site: Site) -> str:
    return str(site.setting("crypto") or SOFTWARE)


def _root_file(site: Site) -> Path:
    return Path(site.settings.root_key) if site.settings.root_key else site.folder / "root.key"


async def root_key(site: Site) -> Finding:
    """Whether the root key is there, for the platform's user alone, and apart from the backups."""
    if _back_end(site) != SOFTWARE:
        return met("root-in-device", site.shown("crypto"), back_end=_back_end(site))
    file = _root_file(site)
    if not file.exists():
        return unmet("root-missing", str(file))
    mode = mode_of(file)
    evidence = f"{file} {mode:04o}，属主 uid {file.stat().st_uid}"
    if mode & 0o077:
        return unmet("root-open", evidence, mode=f"{mode:04o}")
    backups = site.setting("backup_folder")
    if backups and file.resolve().is_relative_to(Path(backups).resolve()):
        return unmet("root-in-backups", evidence)
    if file.resolve().is_relative_to(site.folder.resolve()):
        return partly("root-with-data", evidence)
    return met("root-apart", evidence)


async def back_end(site: Site) -> Finding:
    """Which back end makes and holds the keys: what software does is not counted."""
    if site.setting("crypto") is None or _back_end(site) == SOFTWARE:
        shown = site.shown("crypto") if site.setting("crypto") is not None else "没有密码后端设置（crypto）"
        return unmet("software", shown)
    return environment("device", site.shown("crypto", "crypto_library"), back_end=_back_end(site))


async def cipher(site: Site) -> Finding:
    """Whether the national algorithms are chosen."""
    evidence = site.shown("cipher")
    return met("cipher-national", evidence) if site.settings.cipher == "sm4" else unmet("cipher-other", evidence)


async def bodies_sealed(site: Site) -> Finding:
    """Whether bodies of the record are what a cipher makes: not JSON, not merely compressed."""
    if not site.has("version"):
        return unmet("bodies-none", "没有 version 表")
    found = await site.database.fetch(_BODIES, SAMPLE)
    clear = [
        row for row in found
        if row["head"][:2] in JSON_HEADS or row["head"] == ZSTD or row["size"] < LEAST_SEALED
    ]  # fmt: skip
    evidence = f"抽查 {len(found)} 个版本正文：可识别为明文或仅压缩 {len(clear)} 个；{site.shown('cipher')}"
    if clear:
        return unmet("bodies-clear", evidence, count=len(clear))
    return met("bodies-sealed", evidence, count=len(found)) if found else unknown("bodies-empty", evidence)


async def clear_columns(site: Site) -> Finding:
    """Whether names and dates of the index, which stand in clear, are at least on an encrypted disk."""
    on_encrypted = _encrypted(site.folder) if not site.settings.database else None
    names = await site.value("SELECT EXISTS (SELECT FROM string_value)") if site.has("string_value") else False
    told = {True: "加密卷（dm-crypt）", False: "非加密卷", None: "由数据库服务器决定"}[on_encrypted]
    evidence = f"string_value {'有' if names else '无'}行；数据所在磁盘：{told}"
    if on_encrypted:
        return met("columns-on-encrypted", evidence)
    return partly("columns-clear", evidence)


def _encrypted(folder: Path) -> bool:
    """Whether a folder is on a volume of dm-crypt, itself or below LVM. Raises OSError."""
    device = os.stat(folder).st_dev
    waiting, seen = [f"{os.major(device)}:{os.minor(device)}"], set()
    while waiting:
        number = waiting.pop()
        seen.add(number)
        place = DEVICES / number
        uuid = place / "dm" / "uuid"
        if uuid.exists() and uuid.read_text("ascii", "replace").startswith("CRYPT-"):
            return True
        below = place / "slaves"
        if below.is_dir():
            waiting += [text for one in below.iterdir() if (text := (one / "dev").read_text().strip()) not in seen]
    return False


async def epochs(site: Site) -> Finding:
    """Whether the key of an epoch is renewed in time."""
    if not site.has("key_epoch"):
        return unmet("epochs-none", "没有 key_epoch 表")
    row = await site.database.fetchrow("SELECT max(began) AS newest, count(*) AS epochs FROM key_epoch")
    if row["newest"] is None:
        return unknown("epochs-empty", "key_epoch 为空")
    days = site.setting("key_days") or DEFAULT_DAYS
    age = (site.now - row["newest"]).days
    evidence = f"key_epoch：{row['epochs']} 行，最新一期已 {age} 天；周期 {days} 天"
    if site.setting("key_days") is None:
        return partly("epochs-not-renewed", evidence, age=age)
    if age > days + GRACE:
        return unmet("epochs-old", evidence, age=age, days=days)
    return met("epochs", evidence, age=age, days=days)


async def escrow(site: Site) -> Finding:
    """Whether the root key was shared out to several persons."""
    if _back_end(site) != SOFTWARE:
        return environment("escrow-device", site.shown("crypto"))
    if not site.has("root_key"):
        return unmet("escrow-none", "没有 root_key 表")
    row = await site.database.fetchrow("SELECT escrow, escrowed FROM root_key")
    if row is None or row["escrow"] is None:
        return unmet("escrow-not", "root_key.escrow 为空")
    return met("escrow", f"root_key.escrow={row['escrow']}，{row['escrowed']:%Y-%m-%d}", shares=row["escrow"])


async def erasure(site: Site) -> Finding:
    """Whether a resident can be erased so that keys are destroyed, and erasures were finished."""
    if not site.has("erasure"):
        return partly("erasure-none", "没有 erasure 表；仅有 $expunge")
    unswept = await site.value("SELECT count(*) FROM erasure WHERE NOT swept AND instant < now() - interval '1 day'")
    evidence = f"erasure：超过一天未清完 {unswept}"
    return partly("erasure-unfinished", evidence, count=unswept) if unswept else met("erasure", evidence)


async def signatures(site: Site) -> Finding:
    """Whether persons have certificates to sign by, and authorities are believed."""
    if not (site.has("trusted_certificate") and site.has("person_certificate")):
        return unmet("signatures-none", "没有 trusted_certificate、person_certificate 表")
    roots = await site.value("SELECT count(*) FROM trusted_certificate WHERE root AND NOT demo")
    persons = await site.value("SELECT count(*) FROM person_certificate WHERE ended IS NULL AND NOT demo")
    evidence = f"正式根证书 {roots}；有效个人证书 {persons}"
    if not roots:
        return unmet("signatures-no-authority", evidence)
    return met("signatures", evidence, count=persons) if persons else partly("signatures-nobody", evidence)


async def leftovers(site: Site) -> Finding:
    """Whether exports in clear are gone when their time is over."""
    folder, hours = site.folder / "bulk", site.settings.bulk_hours
    oldest = site.now - timedelta(hours=2 * hours)
    late = []
    if folder.is_dir():
        late = [one for one in folder.iterdir() if one.stat().st_mtime < oldest.timestamp()]
    evidence = f"bulk/ 中超过 {2 * hours} 小时 {len(late)} 项；{site.shown('bulk_hours')}"
    return partly("leftovers", evidence, count=len(late)) if late else met("no-leftovers", evidence)


CHECKS = {
    "root-key": root_key,
    "back-end": back_end,
    "cipher": cipher,
    "bodies-sealed": bodies_sealed,
    "clear-columns": clear_columns,
    "key-epochs": epochs,
    "escrow": escrow,
    "erasure": erasure,
    "signatures": signatures,
    "leftovers": leftovers,
}
