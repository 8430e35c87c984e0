"""Accounts, passwords, lock-out, sessions, officers and second factors, as they stand in the register's tables.

Counted, never named. The tables are those of the register of identities; where they are not, what they would hold is
not there either, and the finding says so.
"""

import tomllib
from importlib.resources import files

from kangyun.cli.demonstration import MARK
from kangyun.cli.doctor.security.site import Site
from kangyun.cli.doctor.security.verdicts import Finding, met, partly, unknown, unmet

OFFICERS = ("system-administrator", "security-administrator", "audit-administrator")
SHORTEST_PASSWORD, LONGEST_PASSWORD_DAYS = 8, 90
LONGEST_IDLE, LONGEST_SESSION = 30, 12  # minutes, hours
STALE_DAYS = 180
# Something one has that proves itself by cryptography; a code by SMS does not.
CRYPTOGRAPHIC = ("usb-key", "passkey", "totp")
_IDENTITIES = "SELECT count(*) FROM identity WHERE status = 'admitted'"
_HELD = """
SELECT r.role, count(DISTINCT r.identity) AS holders FROM identity_role AS r JOIN identity AS i ON i.id = r.identity
WHERE r.taken IS NULL AND (r.ends IS NULL OR r.ends > now()) AND i.status = 'admitted' AND NOT i.demonstration
    AND r.role = ANY ($1::text[]) GROUP BY r.role
"""
_TWO = """
SELECT count(*) FROM (
    SELECT identity FROM identity_role
    WHERE taken IS NULL AND (ends IS NULL OR ends > now()) AND role = ANY ($1::text[])
    GROUP BY identity HAVING count(DISTINCT role) > 1
) AS several
"""
_FACTORS = """
SELECT count(DISTINCT i.id) AS officers, count(DISTINCT f.identity) AS proven
FROM identity AS i JOIN identity_role AS r ON r.identity = i.id AND r.taken IS NULL AND r.role = ANY ($1::text[])
LEFT JOIN factor AS f ON f.identity = i.id AND f.active AND f.kind = ANY ($2::text[])
WHERE i.status = 'admitted' AND NOT i.demonstration
"""
_STALE = """
SELECT count(*) FROM identity AS i WHERE i.status = 'admitted' AND i.kind IN ('staff', 'application')
    AND i.admitted < now() - $1 * interval '1 day'
    AND NOT EXISTS (SELECT FROM session AS s WHERE s.identity = i.id AND s.seen > now() - $1 * interval '1 day')
"""
_LEFT = """
SELECT count(*) FROM session AS s JOIN identity AS i ON i.id = s.identity
WHERE i.status <> 'admitted' AND s.ended IS NULL AND s.expires > now()
"""


async def identities(site: Site) -> Finding:
    """Whether everybody who signs in is somebody of his own."""
    if not site.has("identity"):
        return unmet("identities-none", "没有 identity 表")
    count = await site.value(_IDENTITIES)
    evidence = f"identity：在册 {count}；唯一索引 identity_handle"
    return met("identities", evidence, count=count) if count else partly("identities-empty", evidence)


async def no_shared_accounts(site: Site) -> Finding:
    """Whether somebody can come in as nobody in particular: the administrator's token, the demonstration's accounts."""
    demonstration = site.settings.demo or (site.folder / MARK).exists()
    accounts = 0
    if site.has("identity"):
        accounts = await site.value("SELECT count(*) FROM identity WHERE demonstration AND status = 'admitted'")
    token = "已设定" if site.settings.admin_token else "未设定"
    evidence = f"KANGYUN_ADMIN_TOKEN {token}；演示实例 {'是' if demonstration else '否'}；演示账号 {accounts}"
    if demonstration:
        return unmet("accounts-demonstration", evidence)
    if site.settings.admin_token:
        return unmet("accounts-token", evidence)
    return partly("accounts-left", evidence, count=accounts) if accounts else met("accounts-own", evidence)


async def initial_passwords(site: Site) -> Finding:
    """Whether the passwords that were drawn at the first start are still good."""
    if not site.has("identity_password"):
        return unmet("passwords-none", "没有 identity_password 表")
    count = await site.value("SELECT count(*) FROM identity_password WHERE initial")
    file = (site.folder / "first-sign-ins.json").exists()
    evidence = f"identity_password.initial：{count}；first-sign-ins.json {'存在' if file else '不存在'}"
    if count:
        return unmet("passwords-initial", evidence, count=count)
    return partly("passwords-file", evidence) if file else met("passwords-changed", evidence)


async def password_rules(site: Site) -> Finding:
    """Whether passwords are long enough and do not last for ever."""
    if not site.has("identity_password") or site.setting("password_length") is None:
        return unmet("passwords-none", "没有 identity_password 表或 password_length 设置")
    length, days = site.setting("password_length"), site.setting("password_days")
    evidence = site.shown("password_length", "password_days")
    if length < SHORTEST_PASSWORD:
        return unmet("passwords-short", evidence, length=length, least=SHORTEST_PASSWORD)
    if not 0 < days <= LONGEST_PASSWORD_DAYS:
        return partly("passwords-lasting", evidence, days=days, most=LONGEST_PASSWORD_DAYS)
    return met("passwords-ruled", evidence, length=length, days=days)


async def lockout(site: Site) -> Finding:
    """Whether wrong sign-ins are counted and lock."""
    if not site.has("sign_in_failure"):
        return unmet("lockout-none", "没有 sign_in_failure 表")
    locked = await site.value("SELECT count(*) FROM sign_in_failure WHERE locked_until > now()")
    return met("lockout", f"sign_in_failure：当前锁定 {locked}", locked=locked)


async def sessions(site: Site) -> Finding:
    """Whether a sign-in ends by itself: after no request, and in any case."""
    if not site.has("session") or site.setting("idle_minutes") is None:
        return unmet("sessions-none", "没有 session 表或 idle_minutes 设置")
    idle, hours = site.setting("idle_minutes"), site.setting("session_hours")
    evidence = site.shown("idle_minutes", "session_hours", "sessions_each", "resident_days")
    if not (0 < idle <= LONGEST_IDLE and 0 < hours <= LONGEST_SESSION):
        return partly("sessions-long", evidence, idle=LONGEST_IDLE, hours=LONGEST_SESSION)
    return met("sessions", evidence, idle=str(idle), hours=str(hours))


async def officers(site: Site) -> Finding:
    """Whether there are the three officers, and nobody is two of them."""
    if not site.has("identity_role"):
        return unmet("officers-none", "没有 identity_role 表")
    held = {row["role"]: row["holders"] for row in await site.database.fetch(_HELD, list(OFFICERS))}
    both = await site.value(_TWO, list(OFFICERS))
    evidence = "；".join(f"{role} {held.get(role, 0)}" for role in OFFICERS) + f"；一人两职 {both}"
    if both:
        return unmet("officers-both", evidence, count=both)
    missing = [role for role in OFFICERS if not held.get(role)]
    return unmet("officers-missing", evidence, roles="、".join(missing)) if missing else met("officers", evidence)


async def second_factors(site: Site) -> Finding:
    """Whether each officer has a second factor that is cryptographic."""
    if not site.has("factor") or not site.has("identity_role"):
        return unmet("factors-none", "没有 factor 表")
    row = await site.database.fetchrow(_FACTORS, list(OFFICERS), list(CRYPTOGRAPHIC))
    evidence = f"三员 {row['officers']} 人，已登记密码类因子 {row['proven']} 人（{'、'.join(CRYPTOGRAPHIC)}）"
    if not row["officers"]:
        return unknown("factors-nobody", evidence)
    if row["proven"] < row["officers"]:
        finding = partly if row["proven"] else unmet
        return finding("factors-missing", evidence, missing=row["officers"] - row["proven"])
    return met("factors", evidence)


async def factor_policy(site: Site) -> Finding:
    """Whether the policy asks every role of staff for a second factor."""
    own = site.folder / "policy" / "factors.toml"
    try:
        text = own.read_text("utf-8") if own.is_file() else _shipped_factors()
        rules = tomllib.loads(text)
    except (OSError, ModuleNotFoundError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return unmet("factor-policy-none", f"factors.toml：{type(error).__name__}")
    roles: dict[str, dict[str, object]] = rules.get("role", {})
    unasked = [role for role in OFFICERS if not roles.get(role, {}).get("any")]
    evidence = f"factors.toml（{'本地区' if own.is_file() else '随附'}，版本 {rules.get('edition', '—')}）"
    if unasked:
        return unmet("factor-policy-officers", evidence, roles="、".join(unasked))
    return met("factor-policy", evidence, count=sum(bool(role.get("any")) for role in roles.values()))


def _shipped_factors() -> str:
    return files("kangyun.access.factors").joinpath("data", "factors.toml").read_text("utf-8")


async def stale_accounts(site: Site) -> Finding:
    """Whether there are accounts that nobody uses any more."""
    if not site.has("identity") or not site.has("session"):
        return unmet("identities-none", "没有 identity 或 session 表")
    count = await site.value(_STALE, STALE_DAYS)
    evidence = f"{STALE_DAYS} 天内未登录：{count}"
    return partly("accounts-stale", evidence, count=count, days=STALE_DAYS) if count else met("accounts-used", evidence)


async def leavers(site: Site) -> Finding:
    """Whether who has left is still signed in."""
    if not site.has("identity") or not site.has("session"):
        return unmet("identities-none", "没有 identity 或 session 表")
    count = await site.value(_LEFT)
    evidence = f"已离岗或停用而会话仍有效：{count}"
    return unmet("leavers-inside", evidence, count=count) if count else met("leavers", evidence)


async def approvals(site: Site) -> Finding:
    """Whether what needs two persons is written down with both."""
    if not site.has("approval"):
        return unmet("approvals-none", "没有 approval 表")
    count = await site.value("SELECT count(*) FROM approval")
    return met("approvals", f"approval：{count} 条；约束 decider <> asker", count=count)


CHECKS = {
    "identities": identities,
    "no-shared-accounts": no_shared_accounts,
    "initial-passwords": initial_passwords,
    "password-rules": password_rules,
    "lockout": lockout,
    "sessions": sessions,
    "officers": officers,
    "second-factors": second_factors,
    "factor-policy": factor_policy,
    "stale-accounts": stale_accounts,
    "leavers": leavers,
    "approvals": approvals,
}
