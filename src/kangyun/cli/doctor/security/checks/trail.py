"""The audit trail: that there is one, that it is sealed and whole, for how long it is kept, what watches it."""

from datetime import timedelta

from kangyun.access.trail import rows
from kangyun.access.trail.chain import BEFORE_ALL, START, faults
from kangyun.access.trail.roots import FILE, Roots
from kangyun.access.trail.vitals import trail_vitals
from kangyun.cli.doctor.security.site import Site, mode_of
from kangyun.cli.doctor.security.verdicts import Finding, met, partly, unknown, unmet

COLUMNS = ("instant", "actor", "purpose", "action", "outcome", "source", "request", "patients")
LEAST_MONTHS = 6
LONGEST_LAG = 10.0  # seconds
LONGEST_WITHOUT_ROOT = timedelta(minutes=5)
NEWEST_SEALS = 20
_COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = 'audit'::regclass AND attnum > 0 AND NOT attisdropped"


async def rows_written(site: Site) -> Finding:
    """Whether requests leave rows that say who, what, when, from where and how it ended."""
    if not site.has("audit"):
        return unmet("audit-none", "没有 audit 表")
    present = {row["attname"] for row in await site.database.fetch(_COLUMNS)}
    missing = [name for name in COLUMNS if name not in present]
    newest = await site.value("SELECT max(instant) FROM audit")
    evidence = f"audit 列：{'、'.join(COLUMNS)}；最新一条 {newest:%Y-%m-%d %H:%M}" if newest else "audit 为空"
    if missing:
        return unmet("audit-columns", evidence, columns="、".join(missing))
    return met("audit-rows", evidence) if newest else unknown("audit-empty", evidence)


async def sealed(site: Site) -> Finding:
    """Whether the rows are sealed in time, and the newest seal is outside the database."""
    if not site.has("audit_seal"):
        return unmet("seal-none", "没有 audit_seal 表")
    figures = {name: value for name, _, value in await trail_vitals(site.database)}
    lag, seals = figures["kangyun_audit_seal_lag_seconds"], int(figures["kangyun_audit_seals"])
    evidence = f"封条 {seals} 个，最早未封存的审计行已 {lag:.0f} 秒"
    if lag > LONGEST_LAG:
        return partly("seal-late", evidence, seconds=round(lag))
    path = site.folder / FILE
    if not path.exists():
        return unmet("seal-no-roots", f"{evidence}；{FILE} 不存在")
    mode = mode_of(path)
    evidence += f"；{FILE} {mode:04o}"
    if mode & 0o022:
        return unmet("seal-roots-open", evidence, mode=f"{mode:04o}")
    return met("sealed", evidence, seals=seals)


async def roots_current(site: Site) -> Finding:
    """Whether the newest seals go on leaving the database, and are signed."""
    found, unreadable = Roots(site.folder / FILE).read()
    if not found:
        return unmet("roots-none", str(FILE))
    age = site.now - found[-1].instant
    signature = getattr(found[-1], "signature", "")
    evidence = f"{FILE}：{len(found)} 行，最新 {found[-1].instant:%Y-%m-%d %H:%M}，{'有' if signature else '无'}签名"
    if unreadable:
        return unmet("roots-broken", evidence, count=len(unreadable))
    if not signature:
        return partly("roots-unsigned", evidence)
    newest = await site.value("SELECT max(number) FROM audit_seal") if site.has("audit_seal") else None
    if newest is not None and newest > found[-1].seal and age > LONGEST_WITHOUT_ROOT:
        return partly("roots-old", evidence, minutes=int(age.total_seconds() // 60))
    return met("roots", evidence)


async def whole(site: Site) -> Finding:
    """Whether the newest blocks are as they were sealed; all of them is for `kangyun audit verify`."""
    if not site.has("audit_seal"):
        return unmet("seal-none", "没有 audit_seal 表")
    last = await site.value("SELECT max(number) FROM audit_seal")
    if last is None:
        return unknown("audit-empty", "audit_seal 为空")
    first = max(last - NEWEST_SEALS, 0)
    found = await rows.seals(site.database, max(first - 1, 0), NEWEST_SEALS + 2)
    before, place, looked, wrong = BEFORE_ALL, START, 0, []
    if first:  # Its digest is what the next one is over.
        before, place, found = found[0].digest, found[0].last, found[1:]
    for seal in found:
        there = await rows.between(site.database, place, seal.last)
        wrong += [f"{fault.kind} {fault.seal}" for fault in faults(seal, before, there)]
        before, place, looked = seal.digest, seal.last, looked + 1
    evidence = f"最新 {looked} 个封条逐行重算 SM3"
    if wrong:
        return unmet("trail-broken", f"{evidence}：{'；'.join(wrong[:10])}", count=len(wrong))
    return met("trail-whole", evidence, count=looked)


async def kept(site: Site) -> Finding:
    """Whether rows are kept for six months at least."""
    if not site.has("audit"):
        return unmet("audit-none", "没有 audit 表")
    oldest = await site.value("SELECT min(instant) FROM audit")
    months = site.setting("audit_months")
    evidence = (f"最早一条 {oldest:%Y-%m-%d}；" if oldest else "audit 为空；") + (
        site.shown("audit_months") if months is not None else "本版本没有删除审计行的功能"
    )
    if months is not None and months < LEAST_MONTHS:
        return unmet("kept-short", evidence, months=months, least=LEAST_MONTHS)
    return met("kept", evidence, least=LEAST_MONTHS)


async def not_deletable(site: Site) -> Finding:
    """Whether the account of the platform could change rows: then the seals tell it, and do not keep it from it."""
    if not site.has("audit"):
        return unmet("audit-none", "没有 audit 表")
    may = await site.value("SELECT has_table_privilege('audit', 'DELETE') OR has_table_privilege('audit', 'UPDATE')")
    evidence = f"当前数据库账号对 audit 的 UPDATE/DELETE 权限：{'有' if may else '无'}"
    return partly("rows-changeable", evidence) if may else met("rows-protected", evidence)


async def alerts(site: Site) -> Finding:
    """Whether rules look for odd behaviour, and somebody looks at what they found."""
    if not site.has("audit_alert"):
        return unmet("alerts-none", "没有 audit_alert 表")
    late = await site.value(
        "SELECT count(*) FROM audit_alert WHERE state = 'open' AND made < now() - interval '7 days'"
    )
    evidence = f"超过 7 天未处理的告警：{late}"
    return partly("alerts-late", evidence, count=late) if late else met("alerts", evidence)


CHECKS = {
    "audit-rows": rows_written,
    "audit-sealed": sealed,
    "audit-roots": roots_current,
    "audit-whole": whole,
    "audit-kept": kept,
    "audit-protected": not_deletable,
    "audit-alerts": alerts,
}
