"""Backups, the drill that tries them, and the standby."""

from datetime import timedelta
from pathlib import Path

from kangyun.cli.doctor.security.site import Site
from kangyun.cli.doctor.security.verdicts import Finding, met, partly, unknown, unmet

TOLD, DRILL = "backup.json", "drill.json"
LATE = timedelta(minutes=5)
DRILL_DAYS = 100
_STANDBYS = """
SELECT count(*) AS standbys, count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) AS synchronous
FROM pg_stat_replication WHERE state = 'streaming' AND application_name <> 'kangyun_backup'
"""


async def backup(site: Site) -> Finding:
    """Whether base copies and the log go to a medium, in time."""
    folder = site.setting("backup_folder")
    if not folder:
        shown = site.shown("backup_folder") if folder is not None else "本版本没有 backup_folder 设置"
        return unmet("backup-none", shown)
    told = site.told(TOLD)
    if told is None:
        return unmet("backup-silent", f"{TOLD} 不存在或不可读")
    hours = site.setting("backup_hours") or 24
    copied, archived = site.since(told.get("copied")), site.since(told.get("archived"))
    evidence = f"{TOLD}：完整备份 {told.get('copied')}；日志归档至 {told.get('archived')}；{site.shown('backup_hours')}"
    if copied is None or copied > timedelta(hours=2 * hours):
        return unmet("backup-old", evidence, hours=hours)
    if archived is None or archived > LATE or told.get("changed"):
        return partly("backup-behind", evidence)
    return met("backup", evidence)


async def backup_elsewhere(site: Site) -> Finding:
    """Whether the medium is another disk than that of the data; that it is another place cannot be seen."""
    folder = site.setting("backup_folder")
    if not folder:
        return unmet("backup-none", "backup_folder 未设定")
    try:
        same = Path(folder).stat().st_dev == site.folder.stat().st_dev
    except OSError as error:
        return unmet("backup-no-folder", f"{folder}：{type(error).__name__}")
    evidence = f"{folder}：与数据文件夹{'在同一' if same else '不在同一'}文件系统"
    return unmet("backup-same-disk", evidence) if same else met("backup-elsewhere", evidence)


async def drill(site: Site) -> Finding:
    """Whether somebody tried lately to restore, and it went well."""
    told = site.told(DRILL)
    age = site.since(told.get("instant")) if told else None
    if told is None or age is None:
        return unmet("drill-none", f"{DRILL} 不存在或不可读")
    evidence = f"{DRILL}：{told.get('instant')}，RPO {told.get('rpo')} 秒，RTO {told.get('rto')} 秒"
    if not told.get("passed"):
        return unmet("drill-failed", evidence, days=age.days)
    return (
        partly("drill-old", evidence, days=age.days) if age.days > DRILL_DAYS else met("drill", evidence, days=age.days)
    )


async def standby(site: Site) -> Finding:
    """Whether another server takes all that is written, before it is acknowledged."""
    if not await site.value("SELECT pg_has_role('pg_read_all_stats', 'USAGE')"):
        return unknown("standby-unseen", "当前数据库账号没有 pg_read_all_stats")
    row = await site.database.fetchrow(_STANDBYS)
    evidence = f"pg_stat_replication：{row['standbys']} 个备机，其中同步 {row['synchronous']} 个"
    if not row["standbys"]:
        return unmet("standby-none", evidence)
    return met("standby", evidence) if row["synchronous"] else partly("standby-asynchronous", evidence)


CHECKS = {"backup": backup, "backup-elsewhere": backup_elsewhere, "drill": drill, "standby": standby}
