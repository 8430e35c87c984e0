"""The list of documents: WS/T 500 and WS/T 483, kind by kind, as far as the installed code knows them.

What is installed is asked, not written down here: `exchange.cda` says which kinds there are. Each is tried with a
document of its kind that has the header and its sections by name; where the kind is generated, with one that is made
of the sample rows of tables. That shows that the kind is known, not that each of its contents is: the tests of
`exchange.cda` hold those.
"""

import base64
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from kangyun.base.errors import PlatformError
from kangyun.exchange.exam.data_sets import FEED, sample_record
from kangyun.exchange.exam.model import Line, digest_of
from kangyun.exchange.exam.running import Scratch
from kangyun.exchange.exam.samples import NUMBER
from kangyun.fhir import Resource

CDA = "kangyun.exchange.cda"
STANDARDS = {"WS/T 500": 53, "WS/T 483": 20}
"""How many kinds each has: WS/T 500-2016, WS/T 483-2016."""
READ, WRITTEN = "exam-document", "exam-written"
KEEPER: Resource = {"resourceType": "Organization", "id": "exam", "name": "测试医院"}
_SECTION = """<component><section><code code="{code}" codeSystem="{system}" displayName="{name}"/><title>{name}</title>
<text>样例</text></section></component>"""
_DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<realmCode code="CN"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_MT000040"/>
<templateId root="{template}"/><id root="2.16.156.10011.1.1" extension="exam-{kind}"/>
<code code="{kind}" codeSystem="2.16.156.10011.2.4"/><title>{name}</title>
<effectiveTime value="20260105080500"/><confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
<languageCode code="zh-CN"/><setId/><versionNumber value="1"/>
<recordTarget typeCode="RCT" contextControlCode="OP"><patientRole classCode="PAT">
<id root="2.16.156.10011.1.12" extension="exam-1"/>
<patient classCode="PSN" determinerCode="INSTANCE"><id root="2.16.156.10011.1.3" extension="{number}"/>
<name>测试甲</name><administrativeGenderCode code="1" codeSystem="2.16.156.10011.2.3.3.4" displayName="男性"/>
<birthTime value="19900101"/></patient></patientRole></recordTarget>
<author typeCode="AUT" contextControlCode="OP"><time value="20260105080500"/><assignedAuthor classCode="ASSIGNED">
<id root="2.16.156.10011.1.7" extension="exam-doctor"/><assignedPerson><name>测试医生</name></assignedPerson>
</assignedAuthor></author>
<custodian typeCode="CST"><assignedCustodian classCode="ASSIGNED"><representedCustodianOrganization classCode="ORG"
 determinerCode="INSTANCE"><id root="2.16.156.10011.1.5" extension="exam"/><name>测试医院</name>
</representedCustodianOrganization></assignedCustodian></custodian>
<component><structuredBody>{sections}</structuredBody></component></ClinicalDocument>"""


def lines(scratch: Scratch) -> Iterator[Line]:
    """Yields a line for each kind; where documents are no part of this installation, one for each standard."""
    if find_spec(CDA) is None:
        for standard, count in STANDARDS.items():
            yield Line(
                id=standard, list="documents", standard=standard, name=standard,
                remark="exam-no-documents", parameters={"count": count},
            )  # fmt: skip
        return
    catalogue, reading, writing, checking = (_part(name) for name in ("catalogue", "reading", "writing", "checking"))
    written = set(writing.kinds()) if writing else set()
    record = [*sample_record(), KEEPER]
    for code, kind in catalogue.kinds().items():
        line = Line(id=f"document:{code}", list="documents", standard=kind.standard, name=f"{code} {kind.zh}")
        _read(line, _document(catalogue, code, kind), code, reading, scratch)
        if line.outcome == "passed" and code in written and checking:
            _write(line, code, record, writing, checking)
        yield line


def _part(name: str) -> Any:
    """Returns a part of the documents' package, None where this installation has none."""
    return import_module(f"{CDA}.{name}") if find_spec(f"{CDA}.{name}") else None


def _document(catalogue: Any, code: str, kind: Any) -> bytes:
    sections = "".join(
        _SECTION.format(code=one.code, name=one.name, system=catalogue.LOINC)
        for one in catalogue.sections().get(code, ())
        if one.code
    )
    filled = _DOCUMENT.format(template=kind.template, kind=code, name=kind.zh, number=NUMBER, sections=sections)
    return filled.encode()


def _read(line: Line, raw: bytes, code: str, reading: Any, scratch: Scratch) -> None:
    found = reading.read(raw, line.id, reading.Feed(FEED.prefix, FEED.institution))
    resources = [dict(one.resource) for one in found.entries]
    line.ran, line.count, line.digest = READ, len(resources), digest_of(raw, resources)
    if not resources or found.kind != code:
        line.outcome, line.remark = "failed", "exam-document-refused"
        return
    line.covered, line.remark = "part", "exam-reads"
    if base64.b64encode(raw).decode() not in {one.get("data") for one in resources}:
        line.outcome, line.remark = "failed", "exam-no-original"
        return
    try:
        scratch.store(resources)
    except PlatformError:
        line.outcome, line.remark = "failed", "exam-not-stored"
    else:
        line.outcome = "passed"


def _write(line: Line, code: str, record: Sequence[Resource], writing: Any, checking: Any) -> None:
    """Generates a document of the sample record and holds it against our rules."""
    of = writing.about(code)
    focus = next((one for one in record if one["resourceType"] == of), None)
    try:
        raw = writing.write(code, record, focus)
    except PlatformError:
        line.remark = "exam-writes-untried"
        return
    faults = checking.check(raw, line.id)
    line.covered, line.ran, line.digest = "yes", WRITTEN, digest_of(line.digest, raw)
    line.remark = "exam-writes"
    if faults:
        line.outcome, line.remark, line.parameters = "failed", "exam-written-wrong", {"count": len(faults)}
