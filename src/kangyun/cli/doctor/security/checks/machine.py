"""The machine and the program: who runs it, whose the files are, which versions are still mended, and whether the
program is as it was installed."""

import base64
import hashlib
import platform
import tomllib
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from importlib.resources import files
from pathlib import Path

from cryptography.hazmat.backends.openssl.backend import backend

from kangyun.cli.doctor import folder as folder_findings
from kangyun.cli.doctor import machine as machine_findings
from kangyun.cli.doctor.security.site import Site
from kangyun.cli.doctor.security.verdicts import Finding, met, partly, unknown, unmet
from kangyun.cli.folder import holder

TOLD = ("cryptography", "joserfc", "starlette", "uvicorn", "lxml", "asyncpg")
MOST_SHOWN = 5


async def files_private(site: Site) -> Finding:
    """Whether the data folder and what is in it are for the platform's user alone."""
    found = list(folder_findings.examine(site.settings))
    wrong = [one.text for one in found if one.state == "wrong"]
    unseen = [one.text for one in found if one.state == "unknown"]
    evidence = "；".join(
        f"{one.parameters.get('path', one.text)} {one.parameters.get('mode', '')}".strip() for one in found
    )
    if wrong:
        return unmet("files-open", evidence, which="、".join(wrong))
    return unknown("files-unseen", evidence) if unseen else met("files-private", evidence)


async def clock_right(site: Site) -> Finding:
    """Whether the machine's clock is kept right."""
    state = next((one for one in machine_findings.examine(site.folder) if one.text.startswith("clock")), None)
    evidence = "adjtimex(2)"
    if state is None or state.state == "unknown":
        return unknown("clock-unknown", evidence)
    return met("clock", evidence) if state.state == "good" else unmet("clock-alone", evidence)


async def ordinary_user(site: Site) -> Finding:
    """Whether the platform runs as a user of its own and not as root."""
    held = holder(site.folder)
    if held is None:
        return unknown("not-running")
    uid = Path(f"/proc/{held.process}").stat().st_uid
    evidence = f"进程 {held.process}，uid {uid}"
    return met("user-own", evidence) if uid else partly("user-root", evidence)


async def database_closed(site: Site) -> Finding:
    """Whether the database is reached by a socket, or by TLS that is verified."""
    if not site.settings.database:
        listens = await site.value("SELECT current_setting('listen_addresses')")
        evidence = f"内置数据库 listen_addresses='{listens}'"
        return unmet("database-listens", evidence) if listens else met("database-socket", evidence)
    secured = await site.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    local = await site.value("SELECT inet_server_addr() IS NULL OR host(inet_server_addr()) IN ('127.0.0.1', '::1')")
    verified = "sslmode=verify-full" in site.settings.database
    evidence = f"连接加密：{bool(secured)}；同机：{bool(local)}；sslmode=verify-full：{verified}"
    if local or (secured and verified):
        return met("database-secured", evidence)
    return partly("database-unverified", evidence) if secured else unmet("database-clear", evidence)


async def supported(site: Site) -> Finding:
    """Whether Python and PostgreSQL are still mended by who makes them."""
    ends = tomllib.loads(files("kangyun.cli.doctor.security").joinpath("data", "support.toml").read_text("utf-8"))
    python = ".".join(platform.python_version_tuple()[:2])
    server = str(int(await site.value("SELECT current_setting('server_version_num')")) // 10000)
    shown, over, unlisted = [], [], []
    for name, found in (("python", python), ("postgresql", server)):
        until: date | None = ends[name].get(found)
        shown.append(f"{name} {found}（至 {until or '未知'}）")
        if until is None:
            unlisted.append(f"{name} {found}")
        elif until < site.now.date():
            over.append(f"{name} {found}")
    evidence = "；".join(shown)
    if over:
        return unmet("support-over", evidence, which="、".join(over))
    return unknown("support-unknown", evidence, which="、".join(unlisted)) if unlisted else met("supported", evidence)


async def dependencies(site: Site) -> Finding:
    """Whether all that the program needs is there; which version of what matters most."""
    missing = []
    for one in requires("kangyun") or ():
        name = one.split(";")[0].split(">")[0].split("<")[0].split("=")[0].split("[")[0].strip()
        if "extra ==" in one:
            continue
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    shown = [f"{name} {version(name)}" for name in TOLD if name not in missing]
    evidence = "；".join([f"kangyun {version('kangyun')}", *shown, backend.openssl_version_text()])
    return (
        unmet("dependencies-missing", evidence, names="、".join(missing)) if missing else met("dependencies", evidence)
    )


async def program_whole(site: Site) -> Finding:
    """Whether the program's files are those that were installed, by the digests that the installer wrote."""
    found = distribution("kangyun")
    looked, changed = 0, []
    for file in found.files or ():
        if file.hash is None or file.suffix not in (".py", ".toml", ".sql", ".html", ".js"):
            continue
        path = Path(str(file.locate()))
        looked += 1
        digest = hashlib.new(file.hash.mode, path.read_bytes()).digest() if path.is_file() else b""
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            changed.append(str(file))
    evidence = f"RECORD：核对 {looked} 个文件，不符 {len(changed)} 个"
    if changed:
        shown = "、".join(changed[:MOST_SHOWN])
        return unmet("program-changed", f"{evidence}：{shown}", count=len(changed))
    # Editable: the digests are of a few files that lead to the source tree.
    if looked < 100:
        return unknown("program-editable", evidence)
    return partly("program-unsigned", evidence, count=looked)


async def day_of_clock(site: Site) -> Finding:
    """Whether database and machine agree what time it is."""
    there = await site.value("SELECT clock_timestamp()")
    apart = abs((there - datetime.now(UTC)).total_seconds())
    evidence = f"数据库与本机相差 {apart:.1f} 秒"
    return met("clocks-agree", evidence) if apart < 5 else partly("clocks-apart", evidence, seconds=round(apart))


CHECKS = {
    "files-private": files_private,
    "clock": clock_right,
    "clocks-agree": day_of_clock,
    "ordinary-user": ordinary_user,
    "database-closed": database_closed,
    "supported": supported,
    "dependencies": dependencies,
    "program-whole": program_whole,
}
