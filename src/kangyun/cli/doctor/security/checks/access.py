"""Who may see what: policy and labels as files that can be read, the rows they are compiled to, emergency access."""

from pathlib import Path

from kangyun.access.labels import FILE as LABELS
from kangyun.access.labels import labels_of
from kangyun.access.policy import FILE as POLICY
from kangyun.access.policy import policy_of
from kangyun.base.errors import PlatformError
from kangyun.cli.doctor.security.checks.accounts import OFFICERS
from kangyun.cli.doctor.security.site import Site, mode_of
from kangyun.cli.doctor.security.verdicts import Finding, met, partly, unknown, unmet

# None of these is an officer's to read.
CLINICAL = frozenset({"Patient", "Observation", "Condition", "Encounter", "DiagnosticReport", "MedicationRequest"})
REVIEW_HOURS = 72
_UNREVIEWED = """
SELECT count(*) FROM broken_glass WHERE reviewed IS NULL AND began < now() - $1 * interval '1 hour'
"""
_UNTOLD = "SELECT count(*) FROM broken_glass WHERE told IS NULL AND began < now() - interval '1 hour'"


async def least_privilege(site: Site) -> Finding:
    """Whether the officers of the policy are kept from the record."""
    try:
        policy = policy_of(site.folder, labels_of(site.folder))
    except (PlatformError, OSError, UnicodeDecodeError) as error:
        return unmet("policy-broken", f"{POLICY}：{type(error).__name__}")
    evidence = f"{POLICY}（{_whose(site, POLICY)}，版本 {policy.edition}）：{len(policy.roles)} 个角色"
    missing = [role for role in OFFICERS if role not in policy.roles]
    reading = [role for role in OFFICERS if role in policy.roles and policy.roles[role].reads & CLINICAL]
    if missing:
        return unmet("policy-officers", evidence, roles="、".join(missing))
    if reading:
        return unmet("policy-reading", evidence, roles="、".join(reading))
    return met("policy", evidence, roles=len(policy.roles), grounds=len(policy.grounds))


async def labels(site: Site) -> Finding:
    """Whether data carries labels, by the rules that are in force."""
    try:
        own = labels_of(site.folder)
    except (PlatformError, OSError, UnicodeDecodeError) as error:
        return unmet("labels-broken", f"{LABELS}：{type(error).__name__}")
    if not site.has("label_edition"):
        return unmet("labels-none", "没有 label_edition 表")
    edition = await site.database.fetchrow("SELECT digest, done FROM label_edition")
    evidence = f"{LABELS}（{_whose(site, LABELS)}）"
    if edition is None:
        return unknown("labels-unused", evidence)
    evidence += f"，规则摘要 {edition['digest'][:12]}"
    done = edition["done"] and edition["digest"] == own.digest
    return met("labels", evidence) if done else partly("labels-moving", evidence)


async def enforced(site: Site) -> Finding:
    """Whether residents' words and relations stand where every statement asks for them."""
    if not (site.has("denial") and site.has("disclosure")):
        return unmet("enforced-not", "没有 denial、disclosure 表")
    denials = await site.value("SELECT count(*) FROM denial")
    disclosures = await site.value("SELECT count(*) FROM disclosure WHERE high > now()")
    return met("enforced", f"denial {denials} 行；有效 disclosure {disclosures} 行", denials=denials)


async def rule_files(site: Site) -> Finding:
    """Whether the files of rules can be changed by others than their owner."""
    own = [site.folder / POLICY, site.folder / LABELS, site.folder / "kangyun.toml"]
    own += sorted((site.folder / "policy").glob("*.toml"))
    present = [path for path in own if path.exists()]
    evidence = "；".join(f"{path.name} {mode_of(path):04o}" for path in present) or "均用随附规则"
    open_ = [path.name for path in present if mode_of(path) & 0o022]
    if open_:
        return unmet("rules-open", evidence, files="、".join(open_))
    return partly("rules-unsigned", evidence)


async def emergencies(site: Site) -> Finding:
    """Whether emergency access was told and looked at afterwards."""
    if not site.has("broken_glass"):
        return unmet("emergencies-none", "没有 broken_glass 表")
    late, untold = await site.value(_UNREVIEWED, REVIEW_HOURS), await site.value(_UNTOLD)
    evidence = f"超过 {REVIEW_HOURS} 小时未复核 {late}；超过 1 小时未告知 {untold}"
    if late or untold:
        return partly("emergencies-late", evidence, late=late, untold=untold)
    return met("emergencies", evidence)


def _whose(site: Site, name: str) -> str:
    return "本地区" if Path(site.folder / name).exists() else "随附"


CHECKS = {
    "least-privilege": least_privilege,
    "labels": labels,
    "enforced": enforced,
    "rule-files": rule_files,
    "emergencies": emergencies,
}
