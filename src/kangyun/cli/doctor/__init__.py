"""`kangyun doctor`: what is wrong with this installation, and what to do; or what a database server can.

Each of `machine`, `folder`, `running`, `safekeeping` and `record` looks at one thing and gives findings; here they are
said. Nothing is changed, and no value of the record is shown.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from kangyun.base.errors import PlatformError
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.doctor import folder, machine, record, running, safekeeping
from kangyun.cli.doctor.findings import Finding, State
from kangyun.cli.speech import announce, language, speak
from kangyun.database.requirements import Verdict, try_server

_STYLES: dict[State, tuple[str, str]] = {
    "good": ("✓", "green"),
    "note": ("!", "yellow"),
    "wrong": ("✗", "bold red"),
    "unknown": ("?", "cyan"),
}


def installation(data: Path | None, port: int | None) -> int:
    """Examines this installation and says what it found. Returns 0 when nothing is wrong, else 1."""
    try:
        settings = read_settings(data=data, port=port)
    except PlatformError as error:
        issue = error.issues[0]
        _say("wrong", speak(issue.text, **issue.parameters), speak("cli.doctor.settings-do"))
        return 1
    return _conclude(asyncio.run(_examine(settings)))


async def _examine(settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    for title, findings in (
        ("machine", machine.examine(settings.data)),
        ("folder", folder.examine(settings)),
        ("running", running.examine(settings)),
        ("safekeeping", safekeeping.examine(settings)),
    ):
        announce(speak(f"cli.doctor.title-{title}"), style="bold")
        found += _tell_all(findings)
    announce(speak("cli.doctor.title-record"), style="bold")
    async for finding in record.examine(settings):
        found += _tell_all([finding])
    return found


def _tell_all(findings: Iterable[Finding]) -> list[Finding]:
    told = []
    for finding in findings:
        text = f"cli.doctor.{finding.text}"
        advice = None if finding.state == "good" else speak(f"{text}-do", **finding.parameters)
        _say(finding.state, speak(text, **finding.parameters), advice)
        told.append(finding)
    return told


def _say(state: State, text: str, advice: str | None) -> None:
    mark, style = _STYLES[state]
    announce(f"  {mark} {text}", style=style)
    if advice:
        announce(f"    → {advice}")


def _conclude(found: list[Finding]) -> int:
    wrong = sum(finding.state == "wrong" for finding in found)
    notes = sum(finding.state == "note" for finding in found)
    announce(speak("cli.doctor.wrong" if wrong else "cli.doctor.well", wrong=wrong, notes=notes), style="bold")
    return 1 if wrong else 0


def database(url: str) -> int:
    """Tries what Kangyun asks of a server. Returns 0 when it can run on it, else 1; raises Unavailable."""
    announce(speak("cli.doctor.trying"))
    verdicts = asyncio.run(_try(url))
    count = {outcome: sum(one.outcome == outcome for one in verdicts) for outcome in _OUTCOMES}
    announce(
        speak("cli.doctor.server-unfit" if count["unsupported"] else "cli.doctor.server-fit", **count), style="bold"
    )
    return 1 if count["unsupported"] else 0


_OUTCOMES: dict[str, State] = {"supported": "good", "degraded": "note", "unsupported": "wrong"}


async def _try(url: str) -> list[Verdict]:
    verdicts = []
    async for verdict in try_server(url):
        feature = verdict.feature
        chinese = language() == "zh"
        name, needed = (feature.zh, feature.for_zh) if chinese else (feature.en, feature.for_en)
        reason = f" [{verdict.reason}]" if verdict.reason else ""
        word = speak(f"cli.doctor.{verdict.outcome}")
        state = _OUTCOMES[verdict.outcome]
        _say(state, f"{word}  {name}{reason}", needed if state != "good" else None)
        verdicts.append(verdict)
    return verdicts
