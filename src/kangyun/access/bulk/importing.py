"""`$import`: NDJSON from files or other servers, put into the record under the resources' own ids.

The request follows the bulk import proposal of the SMART project (Parameters, or the same as a JSON manifest): POST
[base]/$import with inputFormat, inputSource and one `input` (type, url) a file. A line that is refused is counted and
told with its number and the reason; its content is told nowhere.

Inputs are read in the order in which resources tend to refer to each other, institutions and patients first.

Source: https://github.com/smart-on-fhir/bulk-import/blob/master/import-manifest.md
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.bulk.flow import Chunk, chunks_of, write_chunks
from kangyun.access.bulk.folder import Folder, GrowingFile
from kangyun.access.bulk.hands import Hands, Waiting
from kangyun.access.bulk.model import Refusal, Written
from kangyun.access.bulk.sources import lines_of, local_file, pieces_of
from kangyun.access.outbound import Guard, Outbound
from kangyun.base.errors import Invalid, Issue, NotSupported
from kangyun.base.settings import Settings
from kangyun.database.jobs import Running
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions

KIND = "import"
ACTION = "import"
FORMATS = ("application/fhir+ndjson", "application/ndjson", "application/x-ndjson", "ndjson")
MOST_INPUTS = 1_000
MOST_TOLD = 100_000
"""Refused lines beyond so many are counted and not told."""
SAVE_EVERY = 2.0  # seconds
ERRORS = "Refused"
# Who others refer to comes first: then few names are met before what they stand for.
_FIRST = (
    "Organization", "Location", "Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Device", "Medication",
    "Substance", "Encounter", "EpisodeOfCare", "Condition",
)  # fmt: skip


class Input(msgspec.Struct, frozen=True):
    """A file to import; any type where `type` is empty."""

    url: str
    type: str = ""


class ImportRequest(msgspec.Struct, frozen=True):
    """What was asked, by whom."""

    inputs: tuple[Input, ...]
    url: str
    actor: Actor
    about: Circumstances


class _Kept(msgspec.Struct):
    """How far an input has come: lines before it are done with, refusals before `told` are in the error file."""

    line: int = 0
    over: bool = False
    written: Written = msgspec.field(default_factory=Written)
    refused: int = 0
    told: int = 0
    length: int = 0


def read_request(asked: Resource) -> tuple[Input, ...]:
    """Reads the body of the operation, Parameters or manifest. Raises Invalid, NotSupported."""
    if asked.get("resourceType") == "Parameters":
        asked = _as_manifest(asked)
    if asked.get("inputFormat", FORMATS[0]) not in FORMATS:
        raise NotSupported("access.bulk.input-format", at="inputFormat")
    inputs = asked.get("input")
    if not isinstance(inputs, list) or not inputs or len(inputs) > MOST_INPUTS:
        raise Invalid("access.bulk.inputs", at="input", limit=MOST_INPUTS)
    found = []
    for number, one in enumerate(inputs):
        at = f"input[{number}]"
        if not isinstance(one, dict) or not isinstance(one.get("url"), str):
            raise Invalid("access.bulk.input-url", at=f"{at}.url")
        type_ = one.get("type") or ""
        if type_ and (not isinstance(type_, str) or type_ not in definitions().resource_types):
            raise Invalid("access.bulk.input-type", at=f"{at}.type")
        found.append(Input(one["url"], type_))
    return tuple(found)


def _as_manifest(parameters: Resource) -> dict[str, Any]:
    """Returns Parameters in the form of the manifest. What is no parameter of ours is left out."""
    manifest: dict[str, Any] = {"input": []}
    for parameter in _dicts(parameters.get("parameter")):
        if parameter.get("name") == "input":
            parts = {str(part.get("name")): _value(part) for part in _dicts(parameter.get("part"))}
            manifest["input"].append(parts)
        elif parameter.get("name") in ("inputFormat", "inputSource"):
            manifest[parameter["name"]] = _value(parameter)
    return manifest


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _value(parameter: dict[str, Any]) -> Any:
    return next((value for name, value in parameter.items() if name.startswith("value")), None)


def guard(settings: Settings) -> Guard:
    """Returns the guard of what an import may read."""
    return Guard.of(settings.import_hosts, "KANGYUN_IMPORT_HOSTS")


def check_inputs(inputs: Sequence[Input], settings: Settings) -> None:
    """Raises Invalid or Forbidden for an input that cannot be read, as far as that is known without reading."""
    for number, one in enumerate(inputs):
        try:
            if one.url.startswith("file:"):
                local_file(one.url, settings.import_folder)
            else:
                guard(settings).check(one.url)
        except Invalid as error:
            issues = tuple(msgspec.structs.replace(issue, at=f"input[{number}].url") for issue in error.issues)
            raise Invalid(issues=issues) from None


@dataclass(frozen=True, slots=True)
class Importer:
    """Runs import jobs. `waiting`: hands for the first of them."""

    settings: Settings
    database: str
    folder: Folder
    waiting: list[Waiting] = field(default_factory=list)

    async def run(self, running: Running) -> bytes:
        """Handles a job of KIND. Returns the manifest as JSON."""
        asked = msgspec.json.decode(running.job.asked, type=ImportRequest)
        kept = msgspec.json.decode(running.kept, type=list[_Kept]) if running.kept else [_Kept() for _ in asked.inputs]
        outbound = Outbound(guard(self.settings))
        try:
            crew = self.waiting.pop() if self.waiting else None
            async with Hands(
                self.settings, self.database, asked.actor, asked.about, ACTION, waiting=crew
            ) as hands:  # fmt: skip
                for number in sorted(range(len(kept)), key=lambda number: rank(asked.inputs[number].type)):
                    if not kept[number].over:
                        await _Import(self, running, asked, kept, number).run(hands, outbound)
        finally:
            outbound.close()
        return _manifest(asked, kept, running.job.id)


def rank(type_: str) -> int:
    """Returns where a type stands among those that others refer to: what is low comes first."""
    return _FIRST.index(type_) if type_ in _FIRST else len(_FIRST)


class _Import:
    """The import of one input."""

    def __init__(
        self, importer: Importer, running: Running, asked: ImportRequest, kept: list[_Kept], number: int
    ) -> None:
        self._importer = importer
        self._running = running
        self._input = asked.inputs[number]
        self._all = kept
        self._kept = kept[number]
        path = importer.folder.of(running.job.id) / f"{ERRORS}.{number + 1}.ndjson"
        self._errors = GrowingFile(path, self._kept.length)
        self._saved = time.monotonic()

    async def run(self, hands: Hands, outbound: Outbound) -> None:
        settings = self._importer.settings
        pieces = pieces_of(self._input.url, settings.import_folder, outbound)
        chunks = chunks_of(lines_of(pieces, settings.body_limit), self._input.type, self._kept.line)
        saving = asyncio.ensure_future(self._save_now_and_then())
        try:
            await write_chunks(hands, chunks, self._done)
            self._kept.over = True
        finally:
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)
            await self._save()
            self._errors.close()

    def _done(self, chunk: Chunk, written: Written) -> None:
        kept = self._kept
        refused = sorted([*chunk.refused, *written.refused], key=lambda refusal: refusal.line)
        self._errors.add(b"".join(refusal_line(one) for one in refused[: max(MOST_TOLD - kept.told, 0)]))
        kept.told = min(kept.told + len(refused), MOST_TOLD)
        kept.refused += len(refused)
        kept.length = self._errors.length
        kept.written.add(written)
        kept.line = chunk.last

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY)
            await self._save()

    async def _save(self) -> None:
        self._errors.flush()
        good, refused = sum(one.written.good for one in self._all), sum(one.refused for one in self._all)
        over = sum(one.over for one in self._all)
        await self._running.save(
            msgspec.json.encode(self._all), f"{good + refused} lines, {refused} refused, {over}/{len(self._all)} inputs"
        )


class ToldRefusal(msgspec.Struct, frozen=True):
    """A line of an error file: what was refused and why, to be said in the reader's language."""

    line: int
    issues: tuple[Issue, ...]


def refusal_line(refusal: Refusal) -> bytes:
    """Returns a refusal as a line of an error file."""
    return msgspec.json.encode(ToldRefusal(refusal.line, refusal.issues)) + b"\n"


def _manifest(asked: ImportRequest, kept: Sequence[_Kept], job: UUID) -> bytes:
    """The result. URLs of error files are relative to the job's: the base may be another one when it is read."""
    manifest = {
        "request": asked.url,
        "output": [
            {
                "type": one.type, "inputUrl": one.url, "count": state.written.good,
                "created": state.written.created, "updated": state.written.updated,
                "unchanged": state.written.unchanged,
            }
            for one, state in zip(asked.inputs, kept, strict=True)
        ],
        "error": [
            {
                "type": "OperationOutcome", "inputUrl": one.url, "count": state.refused,
                "url": f"{job}/{ERRORS}.{number}.ndjson",
            }
            for number, (one, state) in enumerate(zip(asked.inputs, kept, strict=True), 1)
            if state.refused
        ],
    }  # fmt: skip
    return msgspec.json.encode(manifest)
