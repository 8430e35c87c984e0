"""Which log an installation has, by its settings."""

from pathlib import Path
from typing import TYPE_CHECKING

from kangyun.access.disk import Disk
from kangyun.access.platform import Platform
from kangyun.base.crypto import derived_key
from kangyun.base.settings import Settings
from kangyun.devices.log.frames import Sealers
from kangyun.devices.log.model import LogReader, LogWriter
from kangyun.devices.log.reading import DiskReader
from kangyun.devices.log.writing import DiskWriter

if TYPE_CHECKING:
    from kangyun.devices.log.jetstream import Cluster

FOLDER = "device-log"
CLUSTER = ("nats://", "tls://")


def folder_of(settings: Settings) -> Path:
    """Returns the folder of the log on disk."""
    return Path(settings.device_log) if settings.device_log else settings.data / FOLDER


def open_writer(platform: Platform) -> LogWriter:
    """Opens the log to write, for this process. Raises Unavailable, and OSError for a folder that cannot be made."""
    if is_cluster(platform.settings):
        from kangyun.devices.log.jetstream import StreamWriter

        return StreamWriter(_cluster(platform.settings), sealers_of(platform))
    folder = folder_of(platform.settings)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    disk = Disk(folder, platform.settings.disk_reserve)
    return DiskWriter(folder, sealers_of(platform), lambda: disk.has_room)


def open_reader(platform: Platform) -> LogReader:
    """Opens the log to read. One reader takes in at a time; others may only look."""
    keep = platform.settings.device_log_hours * 3600
    if is_cluster(platform.settings):
        from kangyun.devices.log.jetstream import StreamReader

        return StreamReader(_cluster(platform.settings), sealers_of(platform), keep)
    return DiskReader(folder_of(platform.settings), sealers_of(platform), keep)


def is_cluster(settings: Settings) -> bool:
    """Whether the log is JetStream's: then the setting names servers, not a folder."""
    return settings.device_log.startswith(CLUSTER)


def _cluster(settings: Settings) -> "Cluster":
    # Loaded here: most installations have their log on one disk.
    from kangyun.devices.log.jetstream import Cluster

    urls = [one.strip() for one in settings.device_log.split(",")]
    return Cluster(urls, settings.device_log_replicas, settings.device_log_bytes)


def sealers_of(platform: Platform) -> Sealers:
    """Returns what seals the log's frames: keys of their own under the installation's."""
    keys = platform.gate.store.keys
    return Sealers(derived_key(keys.index_key, "device log"), keys.cipher)
