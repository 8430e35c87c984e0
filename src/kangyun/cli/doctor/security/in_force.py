"""The settings that the running platform was started with: its own environment's, where they can be read, and what the
command line of `kangyun up` made of them.

Whoever runs the doctor has another environment than the service: a token that is set there is not set here.

Source: proc(5), /proc/PID/environ.
"""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from kangyun.base.settings import PREFIX, Settings, read_settings
from kangyun.cli.children import UP
from kangyun.cli.doctor.running import below
from kangyun.cli.folder import holder

# What `kangyun up` decides by its options, and hands to its parts in their environment. Not the database: that of its
# parts names the embedded server.
DECIDED = ("host", "port", "demo")


class InForce(NamedTuple):
    """Settings and where they come from, for people."""

    settings: Settings
    source: str


def settings_in_force(data: Path | None, port: int | None) -> InForce:
    """Returns the settings. Raises Invalid, naming the setting that cannot be."""
    ours = read_settings(data=data, port=port)
    held = holder(ours.data)
    if held is None:
        return InForce(ours, "本命令的环境变量与 kangyun.toml（平台未由 kangyun up 运行）")
    try:
        theirs = _environment(held.process)
    except OSError:
        return InForce(ours, "本命令的环境变量与 kangyun.toml（无权读取平台进程的环境变量，请以 root 或平台用户重做）")
    found = read_settings(theirs | _decided(held.process), data=ours.data)
    return InForce(found, f"运行中的平台（进程 {held.process}）的环境变量、命令行选项与 kangyun.toml")


def _decided(process: int) -> dict[str, str]:
    """Returns what `kangyun up` has decided, as its parts were told; nothing where none of them runs."""
    names = {f"{PREFIX}{name.upper()}" for name in DECIDED}
    for part in below(process):
        with contextlib.suppress(OSError):  # It has ended meanwhile.
            told = _environment(part)
            if told.get(UP) == str(process):
                return {name: value for name, value in told.items() if name in names}
    return {}


def _environment(process: int) -> dict[str, str]:
    """Returns what a process was started with. Raises OSError where it has ended or is another user's."""
    raw = Path(f"/proc/{process}/environ").read_bytes()
    pairs = (os.fsdecode(one).partition("=") for one in raw.split(b"\0") if one)
    return {name: value for name, _, value in pairs}
