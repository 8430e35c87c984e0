"""Bulk data over HTTP: `$export` and `$import` are asked for, polled, cancelled; their files are fetched.

Asking starts a job (`kangyun work` runs it) and answers 202 with the address to poll. Files are behind the same sign-in
as everything else, and belong to who asked for them.

Source: https://hl7.org/fhir/uv/bulkdata/STU2/export.html, https://hl7.org/fhir/R4/async.html
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from kangyun.access.actor import Circumstances
from kangyun.access.bulk import exporting, importing
from kangyun.access.bulk.exporting import ExportRequest, Level
from kangyun.access.bulk.folder import Folder
from kangyun.access.bulk.holding import is_held_back
from kangyun.access.bulk.importing import ImportRequest, ToldRefusal
from kangyun.access.bulk.sources import file_pieces, lines_of, unpacked
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Gone, NotFound, Throttled
from kangyun.base.statuses import STATUS_BY_ISSUE_CODE
from kangyun.base.texts import Language
from kangyun.database.jobs import Job, Jobs
from kangyun.fhir import Resource
from kangyun.fhir.json import decode_value, encode
from kangyun.web import export_approval
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed, decoded
from kangyun.web.outcome import outcome
from kangyun.web.shape import shape

STATUS, FILE = "$bulk-status", "$bulk-file"
NDJSON = "application/fhir+ndjson"
MOST_JOBS = 20
"""Jobs that wait or run; beyond that nothing more is asked for."""
SOONEST, LATEST = 1, 30  # seconds between two polls
LONGEST_PROGRESS = 100


class Bulk:
    """Carries out what is asked of bulk data. One for a process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._jobs = Jobs(platform.pool)
        self._folder = Folder(platform.settings.data)

    @staticmethod
    def takes(request: HttpRequest) -> bool:
        """Whether an address is one of these."""
        segments = request.segments
        return bool(segments) and (segments[-1] in ("$export", "$import") or segments[0] in (STATUS, FILE))

    async def answer(self, request: HttpRequest, record: Record, request_id: str) -> Answer:
        """Answers a request. Raises NotFound for an address that is none of these after all."""
        about = Circumstances(shape(request), request.source, request_id)
        match request.segments:
            case ["$export"]:
                return await self._export(request, record, about, "system")
            case ["Patient", "$export"]:
                return await self._export(request, record, about, "patients")
            case ["Group", group, "$export"]:
                return await self._export(request, record, about, "members", group)
            case ["$import"]:
                return await self._import(request, record, about)
            case [first, job] if first == STATUS:
                return await self._status(request, record, job)
            case [first, job, name] if first == FILE:
                return await self._file(request, record, job, name)
        raise NotFound("web.no-such-route")

    # --- asking

    async def _export(
        self, request: HttpRequest, record: Record, about: Circumstances, level: Level, group: str | None = None
    ) -> Answer:
        if request.method not in ("GET", "POST"):
            raise NotAllowed(request.method, "GET", "POST")
        record.bulk_only()
        pairs = list(request.pairs)
        if request.method == "POST" and (body := await request.body()):
            pairs += exporting.pairs_of(decoded(body, request.content_type))
        pairs, own = export_approval.split(pairs)
        lenient = request.prefer.get("handling") == "lenient"
        wish = await exporting.read_parameters(pairs, lenient=lenient, store=record.store)
        if group is not None:
            members = await exporting.members_of(record, group)
            # Of a group, the patients named are those wanted of its members.
            wish["patients"] = tuple(one for one in members if one in wish["patients"] or not wish["patients"])
        elif level == "patients" and wish["patients"]:
            level = "members"
        asked = ExportRequest(self._url(request, kept=pairs if own else None), level, record.actor, about, **wish)
        await export_approval.check(self._platform.people.approvals, record, asked, own)
        return await self._ask(exporting.KIND, record, asked)

    async def _import(self, request: HttpRequest, record: Record, about: Circumstances) -> Answer:
        if request.method != "POST":
            raise NotAllowed(request.method, "POST")
        record.administrators_only()  # It reads from inner hosts and a folder, which hold what is not an application's.
        body = await request.body()
        asked = decode_value(body) if request.content_type == "application/json" else None
        if not isinstance(asked, dict):
            asked = decoded(body, request.content_type)
        inputs = importing.read_request(asked)
        importing.check_inputs(inputs, self._platform.settings)
        about = replace(about, historic=True)
        return await self._ask(importing.KIND, record, ImportRequest(inputs, self._url(request), record.actor, about))

    async def _ask(self, kind: str, record: Record, asked: ExportRequest | ImportRequest) -> Answer:
        if await self._jobs.unfinished() >= MOST_JOBS:
            raise Throttled("web.too-many-jobs", limit=MOST_JOBS)
        # The row is durable before the job is: nothing happens that was not asked for by somebody.
        await record.leave_row(kind, 202, [])
        job = await self._jobs.ask(kind, record.actor.reference, msgspec.json.encode(asked))
        return Answer(202, headers={"content-location": f"{self._platform.base}/{STATUS}/{job}"})

    def _url(self, request: HttpRequest, kept: list[tuple[str, str]] | None = None) -> str:
        url = f"{self._platform.base}/{'/'.join(request.segments)}"
        query = request.query if kept is None else urlencode(kept)
        return f"{url}?{query}" if query else url

    # --- polling

    async def _status(self, request: HttpRequest, record: Record, number: str) -> Answer:
        if request.method not in ("GET", "HEAD", "DELETE"):
            raise NotAllowed(request.method, "GET", "DELETE")
        job = await self._job(record, number)
        if request.method == "DELETE":
            return await self._cancel(record, job)
        if job.state in ("waiting", "running"):
            age = (clock.now() - job.made).total_seconds()
            wait = min(max(int(age / 10), SOONEST), LATEST)
            progress = job.progress[:LONGEST_PROGRESS] or job.state
            return Answer(202, headers={"x-progress": progress, "retry-after": str(wait)})
        assert job.ended is not None
        if job.state == "failed":
            # What failed was what was asked, or else it is ours.
            status = STATUS_BY_ISSUE_CODE.get(job.issues[0].code, 500)
            return Answer(min(status, 500), encode(outcome(job.issues, request.language)))
        expires = job.ended + timedelta(hours=self._platform.settings.bulk_hours)
        return Answer(
            200,
            encode(self._manifest(job)),
            {"expires": format_datetime(expires.replace(microsecond=0), usegmt=True)},
            resource=False,
            media_type="application/json",
        )

    def _manifest(self, job: Job) -> dict[str, Any]:
        manifest: dict[str, Any] = msgspec.json.decode(job.result or b"{}")
        for part in ("output", "deleted", "error"):
            for file in manifest.get(part, ()):
                if "url" in file:
                    file["url"] = f"{self._platform.base}/{FILE}/{file['url']}"
        return manifest

    async def _cancel(self, record: Record, job: Job) -> Answer:
        await record.leave_row(f"cancel-{job.kind}", 202, [])
        if not await self._jobs.cancel(job.id):
            await self._jobs.forget(job.id)
            self._folder.remove(job.id)
        return Answer(202)

    async def _job(self, record: Record, text: str) -> Job:
        """Returns a job that the actor asked for. Raises NotFound for any other, as for one that is over, and Forbidden
        for an application that acts for who asked."""
        try:
            job = await self._jobs.look(UUID(text))
        except ValueError:
            raise NotFound from None
        mine = job is not None and (job.owner == record.actor.reference or record.actor.administrator)
        if job is None or not mine or job.state == "cancelled" or job.stopping:
            raise NotFound
        record.bulk_only()  # Whoever acts for him has not asked for it.
        return job

    # --- files

    async def _file(self, request: HttpRequest, record: Record, number: str, name: str) -> Answer:
        if request.method not in ("GET", "HEAD"):
            raise NotAllowed(request.method, "GET")
        job = await self._job(record, number)
        path = self._folder.file(job.id, name) if job.state == "done" else None
        if path is None:
            raise NotFound
        await self._refuse_held_back(record, job)
        await record.leave_row(f"{job.kind}-file", 200, [])
        if name.startswith(importing.ERRORS):
            return Answer(200, stream=_told(path, request.language), media_type=NDJSON, resource=False)
        headers, pieces = {"vary": "Accept-Encoding"}, file_pieces(path)
        if request.takes_gzip:
            headers |= {"content-encoding": "gzip", "content-length": str(path.stat().st_size)}
        else:
            pieces = unpacked(pieces)
        return Answer(200, headers=headers, stream=pieces, media_type=NDJSON, resource=False)

    async def _refuse_held_back(self, record: Record, job: Job) -> None:
        """Raises Gone for the files of an export that would tell what may not be seen any more."""
        if job.kind != exporting.KIND or job.ended is None:
            return
        about = msgspec.json.decode(job.asked, type=ExportRequest).about
        async with self._platform.pool.connection() as connection:
            held = await is_held_back(
                connection, about.request, job.made, job.ended, bound=not record.sight.everything
            )  # fmt: skip
        if held:
            await record.leave_row(f"{job.kind}-file", 410, [])
            raise Gone("access.bulk.held-back")


async def _told(path: Path, language: Language) -> AsyncGenerator[bytes, None]:
    """Says the refusals of an import as OperationOutcomes, a line each."""
    async with aclosing(lines_of(file_pieces(path), 1 << 20)) as lines:
        async for line in lines:
            assert not isinstance(line, int)
            refusal = msgspec.json.decode(line.text, type=ToldRefusal)
            said: Resource = outcome(refusal.issues, language)
            for issue in said["issue"]:
                issue["diagnostics"] = f"line {refusal.line}"
            yield encode(said) + b"\n"
