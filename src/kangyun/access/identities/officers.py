"""The three officers that are there from the first start, and the demo's accounts, with passwords drawn here.

Their initial passwords go to a file of mode 0600 in the data folder, whole or not at all, and hold for one sign-in, at
which they are changed. The demo's hold while it is a demonstration.
"""

import contextlib
import os
import secrets
from pathlib import Path

import asyncpg
import msgspec

from kangyun.access.identities.model import OFFICERS, PLATFORM, Kind
from kangyun.access.identities.register import Identities
from kangyun.base.errors import Conflict, RuleBroken

FIRST_SIGN_INS, DEMO_SIGN_INS = "first-sign-ins.json", "demo-sign-ins.json"
NAMES = {
    "system-administrator": "系统管理员",
    "security-administrator": "安全管理员",
    "audit-administrator": "审计管理员",
}
INSTALLER = "Device/installer"
_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LOCK = 0x6B61_6F66


class Account(msgspec.Struct, frozen=True):
    """Who can sign in, and with what."""

    user: str
    password: str
    name: str
    reference: str
    institution: str
    role: str


DEMO_ROLES = (
    ("admin", "演示管理员", "Device/demo-admin", PLATFORM, "system-administrator"),
    ("security", "演示安全管理员", "Device/demo-security", PLATFORM, "security-administrator"),
    ("audit", "演示审计管理员", "Device/demo-audit", PLATFORM, "audit-administrator"),
    ("doctor", "演示医生", "Practitioner/demo-doctor", "Organization/demo-hospital", "doctor"),
    ("family-doctor", "演示家庭医生", "Practitioner/demo-family-doctor", "Organization/demo-hospital", "family-doctor"),
    ("duty", "演示值守员", "Practitioner/demo-duty", "Organization/demo-hospital", "duty-officer"),
    ("devices", "演示设备管理员", "Practitioner/demo-devices", "Organization/demo-hospital", "device-officer"),
    ("registrar", "演示登记员", "Practitioner/demo-registrar", "Organization/demo-hospital", "registrar"),
    ("feeds", "演示接入主管", "Practitioner/demo-feeds", PLATFORM, "feed-officer"),
    ("interface", "演示接口管理员", "Practitioner/demo-interface", "Organization/demo-hospital", "interface-officer"),
    ("coder", "演示编码员", "Practitioner/demo-coder", "Organization/demo-hospital", "coder"),
    ("terms", "演示术语管理员", "Practitioner/demo-terms", PLATFORM, "terminologist"),
    ("steward", "演示数据管家", "Practitioner/demo-steward", PLATFORM, "steward"),
    ("resident", "演示居民", "Patient/demo-resident", PLATFORM, "resident"),
)


def demo_accounts(file: Path) -> list[Account]:
    """Returns the demo's accounts, drawing their passwords on first use."""
    if not file.exists():
        write_once(
            file, [Account(user, f"{user[0]}-{drawn_password()}", *rest) for user, *rest in DEMO_ROLES],
        )  # fmt: skip
    return _accounts(file)


def _accounts(file: Path) -> list[Account]:
    return msgspec.json.decode(file.read_bytes(), type=list[Account])


async def admit_demo(identities: Identities, file: Path) -> None:
    """Lets the demo's accounts in, where they are not yet, with the passwords of the file, drawn if it is new."""
    drawn_now = not file.exists()
    for account in demo_accounts(file):
        # Of several processes that start at once the first one does it: the others find it done.
        with contextlib.suppress(Conflict, RuleBroken):
            found = await identities.find(account.user)
            kind: Kind = "resident" if account.role == "resident" else "staff"
            id_ = found.id if found else await identities.admit(
                kind, account.reference, account.institution, account.name, roles=[account.role],
                vouched_by=INSTALLER, evidence="demonstration", handle=account.user, demonstration=True,
            )  # fmt: skip
            if drawn_now or not await identities.has_password(id_):
                await identities.set_password(id_, account.password)


async def admit_officers(identities: Identities, connection: asyncpg.Connection, file: Path) -> bool:
    """Lets the three officers in, where there never were any, and returns whether it has: then `file` says how.

    The file stands under its name only when all that it says holds. A start that was broken off leaves it under another
    one, for the next to go on with: whom it let in already keeps the password that was drawn.
    """
    unfinished = file.with_suffix(".unfinished")
    if not await _missing(connection) and not unfinished.exists():
        return False
    # Of several that start at once one does it.
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
        return False
    try:
        missing = await _missing(connection)
        if missing and not unfinished.exists():
            write_once(
                unfinished,
                [
                    Account(role, drawn_password(), NAMES[role], f"Practitioner/{role}", PLATFORM, role)
                    for role in missing
                ],
            )
        if not unfinished.exists():
            return False  # Another has finished meanwhile.
        holding = []
        for account in _accounts(unfinished):
            if account.role not in missing:
                # Let in by the start that was broken off, or since by another host, which told its own password.
                if (await identities.proven(account.user, account.password))[0] is not None:
                    holding.append(account)
                continue
            found = await identities.find(account.user)
            id_ = found.id if found else await identities.admit(
                "staff", account.reference, PLATFORM, account.name, roles=[], vouched_by=INSTALLER,
                evidence="first start", handle=account.user,
            )  # fmt: skip
            if (await identities.proven(account.user, account.password))[0] is None:
                await identities.set_password(id_, account.password, initial=True)
            # The role last: whoever comes after a start that was broken off goes on with those that have none.
            await identities.give_role(id_, account.role, PLATFORM, INSTALLER)
            holding.append(account)
        file.unlink(missing_ok=True)
        write_once(file, holding)
        unfinished.unlink()
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return True


async def _missing(connection: asyncpg.Connection) -> list[str]:
    """Returns the offices that nobody ever held here."""
    held = {row["role"] for row in await connection.fetch(_EVER_HELD, list(OFFICERS))}
    return [role for role in OFFICERS if role not in held]


def drawn_password() -> str:
    """Returns a password that can be read aloud and typed: 16 letters and digits, 92 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def write_once(file: Path, accounts: list[Account]) -> None:
    """Writes the file whole, and only where it is not there: the first of several that start at once has made it."""
    fresh = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as sink:
        sink.write(msgspec.json.format(msgspec.json.encode(accounts), indent=2))
        sink.flush()
        os.fsync(sink.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(fresh, file)
    fresh.unlink()


_EVER_HELD = """
SELECT DISTINCT r.role FROM identity_role AS r JOIN identity AS i ON i.id = r.identity
WHERE r.role = ANY ($1::text[]) AND NOT i.demonstration
"""
