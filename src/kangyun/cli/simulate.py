"""`kangyun simulate DIR`: writes a synthetic city to a folder, for demonstrations, tests and measurements.

Whole lives as transaction bundles that `kangyun load` brings in, or registrations only; both with the truth. The city
itself is made by `simulate`; here are only the files.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, get_args
from zoneinfo import ZoneInfo

import msgspec
from rich.progress import Progress, TaskID

from kangyun.base.errors import Invalid
from kangyun.base.settings import read_settings
from kangyun.base.texts import Language, say
from kangyun.cli.loading.progress import bar
from kangyun.cli.speech import announce, speak
from kangyun.fhir.json import encode
from kangyun.simulate import City, ErrorModel, Traps, error_model, models, row
from kangyun.simulate.sending import Dispatch, folded, sending

NOTICE = "00-demonstration.txt"
SENDING, SENT = "sending", "sent.ndjson"
INSTITUTIONS = "hospitalInformation.json"  # the name of what `kangyun load` brings in first
FILES = ("registrations.ndjson", "truth.ndjson", "residents.ndjson", "traps.ndjson", SENT, NOTICE)
_SHOWN_EVERY = 100  # residents

# Tells how many residents, and how many resources or registrations, are written.
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked on the command line. `errors` is the name of an error model; none for one right Patient each."""

    folder: Path
    residents: int = 1000
    years: float = 5.0
    seed: int = 1
    until: date | None = None
    errors: str = "judging"
    registrations_only: bool = False
    each: int = 4
    overwrite: bool = False
    sending: bool = False


def simulate(wish: Wish) -> int:
    """Writes the city. Returns the exit status. Raises Invalid for a folder with other things and unknown models."""
    if wish.errors not in (*models(), "none"):
        raise Invalid("cli.simulate-errors", errors=wish.errors, known=", ".join([*models(), "none"]))
    if wish.errors == "none" and (wish.registrations_only or wish.sending):
        raise Invalid("cli.simulate-needs-errors")
    _prepare(wish)
    until = wish.until or datetime.now(ZoneInfo(read_settings(log_level="warning").time_zone)).date()
    city = City(wish.seed, wish.residents, until, wish.years)
    model = None if wish.errors == "none" else error_model(wish.errors)
    began = time.monotonic()
    with bar() as progress:
        task = progress.add_task(speak("cli.simulating"), total=wish.residents, told="")
        count = _write(wish, city, model, _teller(progress, task))
        progress.update(task, completed=wish.residents, told=speak("cli.export-told", count=f"{count:,}"))
        if wish.sending and model is not None:
            _send(wish, city, model)
    (wish.folder / NOTICE).write_text(_notice(wish, until), "utf-8")
    seconds = f"{time.monotonic() - began:,.1f}"
    text = "cli.simulated-registrations" if wish.registrations_only else "cli.simulated"
    announce(speak(text, residents=f"{wish.residents:,}", count=f"{count:,}", folder=str(wish.folder), seconds=seconds))
    return 0


def _prepare(wish: Wish) -> None:
    bundles = wish.folder / "bundles"
    wish.folder.mkdir(parents=True, exist_ok=True)
    if any(wish.folder.iterdir()) and not wish.overwrite:
        raise Invalid("cli.export-not-empty", folder=str(wish.folder))
    for file in (*(wish.folder / name for name in FILES), *bundles.glob("*.json")):
        file.unlink(missing_ok=True)
    bundles.mkdir(exist_ok=True)
    if (wish.folder / SENDING).exists():
        shutil.rmtree(wish.folder / SENDING)


def _teller(progress: Progress, task: TaskID) -> Told:
    def tell(residents: int, written: int) -> None:
        if residents % _SHOWN_EVERY == 0:
            progress.update(task, completed=residents, told=speak("cli.export-told", count=f"{written:,}"))

    return tell


def _write(wish: Wish, city: City, model: ErrorModel | None, tell: Told) -> int:
    """Writes all files and returns how many resources, or registrations, there are."""
    bundles, traps = wish.folder / "bundles", Traps()
    institutions = city.institutions.bundle()
    (bundles / INSTITUTIONS).write_bytes(encode(institutions))
    with (wish.folder / "residents.ndjson").open("wb") as residents, (wish.folder / "traps.ndjson").open("wb") as pairs:
        for resident in city.residents():
            _line(residents, row(resident, city.until))
            for trap in traps.of(resident):
                _line(pairs, trap)
    if model is not None and wish.registrations_only:
        return _registrations(wish, city, model, tell)
    with (wish.folder / "truth.ndjson").open("wb") as truths, (wish.folder / FILES[0]).open("wb") as patients:
        count = len(institutions["entry"])
        for number, lived in enumerate(city.lives(model), start=1):
            (bundles / f"{lived.resident.id}.json").write_bytes(encode(lived.bundle))
            for truth in lived.truth:
                _line(truths, truth)
            known = {truth.registration: truth.institution for truth in lived.truth}
            for entry in lived.bundle["entry"]:
                if key := known.get(entry["resource"]["id"]):
                    # Outside of a transaction there are no conditional references.
                    managing = {"managingOrganization": {"reference": f"Organization/{city.institutions.ids[key]}"}}
                    patients.write(encode(entry["resource"] | managing) + b"\n")
            count += len(lived.bundle["entry"])
            tell(number, count)
    return count


def _registrations(wish: Wish, city: City, model: ErrorModel, tell: Told) -> int:
    count = 0
    with (wish.folder / "truth.ndjson").open("wb") as truths, (wish.folder / FILES[0]).open("wb") as patients:
        for patient, truth in city.registrations(model, wish.each):
            patients.write(encode(patient) + b"\n")
            _line(truths, truth)
            count += 1
            tell(count // wish.each, count)
    return count


def _send(wish: Wish, city: City, model: ErrorModel) -> None:
    """Writes what the hospitals send, a folder a hospital and day, and what is to become of each row and message."""
    going: list[Dispatch] = []
    with (wish.folder / SENT).open("wb") as outcomes:
        for dispatches, outcome in sending(city, model):
            going += dispatches
            _line(outcomes, outcome)
    for name, content in folded(going):
        file = wish.folder / SENDING / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _line(file: IO[bytes], what: Any) -> None:
    file.write(msgspec.json.encode(what) + b"\n")


def _notice(wish: Wish, until: date) -> str:
    given: dict[str, str | int] = {
        "seed": wish.seed, "residents": wish.residents, "years": f"{wish.years:g}", "until": until.isoformat(),
        "errors": wish.errors,
    }  # fmt: skip
    # In both languages: whoever finds the folder is to know what it is.
    return "\n".join(say("cli.simulated-notice", language, given) for language in get_args(Language))
