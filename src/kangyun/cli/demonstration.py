"""The demonstration district of `kangyun up`: loaded once, through the gate, by its administrator for its hospital.

`simulate` makes it; here it is only brought in. How far it came stands in the data folder, so that a start that was
killed half-way goes on where it was: a bundle that is loaded twice changes nothing.
"""

import asyncio
import os
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kangyun.base import clock
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.children import tie_to_up
from kangyun.cli.family_shown import family_of, tie
from kangyun.cli.speech import announce, console, speak

MARK = "demonstration.json"
HOSPITAL, DOCTOR, RESIDENT = "Organization/demo-hospital", "Practitioner/demo-doctor", "demo-resident"
PHONE = "15400000000"  # as the sign-in of the portal says; 154 is allocated to no operator
WORK = "15400000001"
CARD = "9900000000000002"
SEED, RESIDENTS = 1, 200
OFFICES = (
    ("demo-admin", "演示管理员"),
    ("demo-security", "演示安全管理员"),
    ("demo-audit", "演示审计管理员"),
    ("demo-wearers", "演示设备登记"),
)
Bundle = dict[str, Any]


class Mark(msgspec.Struct):
    """What the demonstration is, and how many of its bundles are in. `until` is the last day of its record."""

    until: date
    seed: int = SEED
    residents: int = RESIDENTS
    loaded: int = 0

    @property
    def bundles(self) -> int:
        return self.residents + 2  # The accounts' own resources, and the institutions, come first.


def is_demonstration(settings: Settings, empty: bool) -> bool:
    """Whether this installation is a demonstration. A data folder is one from its first start, or never."""
    if _file(settings).exists() or settings.demo:
        return True
    fresh = not (settings.data / "postgresql").exists() and not settings.database
    if fresh and not empty:
        # A day is made whole, and nothing may stand in a record that is still to come.
        yesterday = datetime.now(ZoneInfo(settings.time_zone)).date() - timedelta(days=1)
        _write(settings, Mark(yesterday))
        return True
    return False


def is_loaded(settings: Settings) -> bool:
    """Whether all of it is in. A demonstration without a mark (by setting) brings its own data."""
    mark = read_mark(settings)
    return mark is None or mark.loaded >= mark.bundles


def sign_ins(settings: Settings) -> str:
    """Returns the demo's accounts as lines to show."""
    # Read as it is: the web processes have made it, and the sign-in itself need not be loaded to show it.
    accounts = msgspec.json.decode((settings.data / "demo-sign-ins.json").read_bytes(), type=list[dict[str, Any]])
    return "\n".join(
        [speak("cli.sign-ins"), *(f"  {one['user']:<15}{one['password']:<23}{one['name']}" for one in accounts)]
    )


def load() -> None:
    """Loads what is missing, with a progress bar. Raises PlatformError; what is in by then stays."""
    tie_to_up()
    settings = read_settings(demo=True, log_level="warning")
    mark = read_mark(settings)
    if mark is not None:
        asyncio.run(_load(settings, mark))


async def _load(settings: Settings, mark: Mark) -> None:
    # The store is loaded only where it is needed: `up` itself imports this module and stays small.
    from kangyun.access.actor import Actor, Circumstances
    from kangyun.access.identities.officers import DEMO_SIGN_INS, demo_accounts
    from kangyun.access.platform import open_platform
    from kangyun.simulate import district, error_model
    from kangyun.simulate.stated import without_fillers
    from kangyun.simulate.team import with_team

    first = demo_accounts(settings.data / DEMO_SIGN_INS)[0]
    administrator = Actor(first.reference, first.name, first.institution, "SYSADMIN", True, first.role)
    platform = await open_platform(settings, settings.database)
    # Each institution has registered its residents in its own way: the index has to find out who is who.
    institutions, *residents = district(mark.seed, mark.residents, mark.until, error_model("judging"))
    team = ("Practitioner/demo-family-doctor", "Practitioner/demo-doctor")
    residents = [with_team(without_fillers(one), place, team, mark.until) for place, one in enumerate(residents)]
    bundles = [accounts_bundle(mark), institutions, *residents]
    try:
        with _progress() as progress:
            task = progress.add_task(speak("cli.loading-demonstration"), total=mark.bundles, completed=mark.loaded)
            for bundle in bundles[mark.loaded :]:
                about = Circumstances("POST /", "local", uuid4().hex)
                record = await platform.gate.open(administrator, about)
                if mark.loaded:  # The district is the hospital's, so that its doctor sees it; first come the accounts.
                    record = await record.on_behalf_of(HOSPITAL)
                await record.commit([_operation(record, entry) for entry in bundle["entry"]], "transaction")
                mark.loaded += 1
                _write(settings, mark)
                progress.update(task, completed=mark.loaded)
        await _bind(platform)
        await tie(platform, RESIDENT)
    finally:
        await platform.close()
    announce(speak("cli.demonstration-loaded", residents=mark.residents))


def _operation(record: Any, entry: dict[str, Any]) -> Any:
    from kangyun.access.intake import check

    resource = entry["resource"]
    check(resource)
    return record.operation(
        "update", resource["resourceType"], id=resource["id"], resource=resource, full_url=entry["fullUrl"]
    )


async def _bind(platform: Any) -> None:
    """Binds the demonstration's telephone to its resident, as a desk does."""
    from kangyun.access.identities.officers import INSTALLER
    from kangyun.access.residents.bindings import Handle, bindings_of

    bindings = bindings_of(platform.pool, platform.gate.store.keys, platform.gate.ledger)
    await bindings.bind(Handle("phone", PHONE), (RESIDENT,), INSTALLER, whole=clock.now())


def accounts_bundle(mark: Mark) -> Bundle:
    """Returns the resources that the demo's sign-ins act as. The resident is one of the district's."""
    from kangyun.access.identities.officers import DEMO_ROLES
    from kangyun.simulate import elder, error_model
    from kangyun.simulate.bundle import META

    staff = {
        reference.partition("/")[2]: name
        for _, name, reference, *_ in DEMO_ROLES
        if reference.startswith("Practitioner/")
    }
    resident = elder(
        mark.seed, mark.residents, mark.until, error_model("judging"),
        managing={"reference": HOSPITAL, "display": "演示医院"}, doctor={"reference": DOCTOR, "display": "演示医生"},
    )  # fmt: skip
    card = {
        "use": "secondary", "type": {"coding": [{"system": "urn:kangyun:health-card-kind", "code": "static"}]},
        "system": "urn:kangyun:identifier:health-card", "value": CARD,
        "period": {"start": f"{mark.until}T00:00:00Z", "end": f"{mark.until.year + 5}-01-01T00:00:00Z"},
    }  # fmt: skip
    known = {"identifier": [*resident["identifier"], card], "telecom": [{"system": "phone", "value": PHONE}]}
    resources: list[dict[str, Any]] = [
        {"resourceType": "Organization", "id": HOSPITAL.partition("/")[2], "name": "演示医院", "active": True},
        *(
            {
                "resourceType": "Practitioner",
                "id": id_,
                "name": [{"text": name}],
                "active": True,
                "telecom": [{"system": "phone", "value": WORK, "use": "work"}],
            }
            for id_, name in staff.items()
        ),
        {"resourceType": "Patient", "id": RESIDENT} | resident | known,
        *family_of(resident, {"reference": HOSPITAL, "display": "演示医院"}),
        *(
            {"resourceType": "Device", "id": id_, "deviceName": [{"name": text, "type": "other"}]}
            for id_, text in OFFICES
        ),
    ]
    entries = [{"fullUrl": f"urn:uuid:{uuid4()}", "resource": {**resource, "meta": META}} for resource in resources]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _file(settings: Settings) -> Path:
    return settings.data / MARK


def read_mark(settings: Settings) -> Mark | None:
    """Returns what the demonstration is; None where it brings its own data."""
    if not _file(settings).exists():
        return None
    return msgspec.json.decode(_file(settings).read_bytes(), type=Mark)


def _write(settings: Settings, mark: Mark) -> None:
    # Replaced whole: a killed process leaves the old one or the new one.
    fresh = _file(settings).with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(mark))
    os.replace(fresh, _file(settings))
