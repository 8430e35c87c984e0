"""The list of services: what the standards name, with the functions behind it, and our own form, each action called.

A standard's action passes only by a site's mapping and a site's sample message (`soap/samples/SERVICE.ACTION.xml` in
the data folder); our own form's by the samples that are shipped.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

from lxml import etree

from kangyun.base.errors import PlatformError
from kangyun.exchange.exam.model import Line, digest_of
from kangyun.exchange.exam.running import Scratch
from kangyun.exchange.soap import envelope
from kangyun.exchange.soap.mapping import Adaptor
from kangyun.exchange.soap.markup import parsed, text_of
from kangyun.exchange.soap.services import FOLDER, Known, known, services

OURS, RAN = "kangyun", "exam-call"
_BEFORE = re.compile(r"@([A-Za-z]+)@")


def lines(scratch: Scratch, data: Path | None) -> Iterator[Line]:
    """Yields our own actions first, since what the standards name stands on them."""
    offered = services(data)
    ran: dict[str, Line] = {}
    said: dict[str, str] = {}
    for action, one in offered[OURS].actions.items():
        line = Line(id=f"own:{action}", list="services", standard="", name=f"{action} {one.title}", covered="yes")
        _call(line, OURS, action, _shipped(action), offered[OURS], scratch, said)
        ran[action] = line
        yield line
    for known_ in known():
        yield _standard(known_, ran, offered, scratch, data)


def _standard(
    one: Known, ran: Mapping[str, Line], offered: Mapping[str, Adaptor], scratch: Scratch, data: Path | None
) -> Line:
    id_ = f"{one.standard}:{one.action}" if one.action else one.standard
    line = Line(id=id_, list="services", standard=one.standard, name=f"{one.service} {one.action}".strip())
    named = [name for name, service in offered.items() if one.action in service.actions]
    if named:
        _of_site(line, one.action, named[0], offered[named[0]], scratch, data)
        return line
    if one.ours and all(ran[name].outcome == "passed" for name in one.ours):
        line.covered, line.remark = "part", "exam-needs-mapping"
        line.parameters = {"actions": "、".join(one.ours)}
    else:
        line.remark = "exam-not-offered"
    return line


def _of_site(line: Line, action: str, name: str, service: Adaptor, scratch: Scratch, data: Path | None) -> None:
    """Runs a site's sample of an action that its mapping gives."""
    line.covered = "yes" if service.certainty(action) == "confirmed" else "part"
    file = None if data is None else data / FOLDER / "samples" / f"{name}.{action}.xml"
    if line.covered != "yes":
        line.remark = "exam-unverified"
    elif file is None or not file.is_file():
        line.remark, line.parameters = "exam-no-sample", {"file": f"{FOLDER}/samples/{name}.{action}.xml"}
    else:
        _call(line, name, action, file.read_bytes(), service, scratch, {})


def _call(
    line: Line, name: str, action: str, message: bytes, service: Adaptor, scratch: Scratch, said: dict[str, str]
) -> None:
    """Sends a message, and says what came of it. said: what answers before have said, by element; it is added to."""
    body = _enveloped(_BEFORE.sub(lambda found: said.get(found[1], found[1]), text_of(message)), service, action)
    status, answer = scratch.call(name, body)
    line.ran, line.count, line.digest = RAN, 1, digest_of(message, str(status).encode())
    try:
        payload = envelope.read(answer).payload
    except PlatformError:
        line.outcome, line.remark, line.parameters = "failed", "exam-fault", {"status": status}
        return
    if status != 200 or etree.QName(payload).localname == "Fault":
        line.outcome, line.remark, line.parameters = "failed", "exam-fault", {"status": status}
        return
    if not len(payload) and not (payload.text or "").strip() and service.template(action).parts:
        line.outcome, line.remark = "failed", "exam-empty"
        return
    line.outcome = "passed"
    for element in payload.iter("{*}*"):
        if (element.text or "").strip():
            said[etree.QName(element).localname] = element.text.strip()


def _enveloped(message: str, service: Adaptor, action: str) -> bytes:
    body = parsed(message)
    method = service.service.method
    if method is not None:
        whole = etree.Element(f"{{{service.service.namespace}}}{method.name}")
        etree.SubElement(whole, method.action).text = action
        etree.SubElement(whole, method.message).text = etree.tostring(body, encoding="unicode")
        body = whole
    return envelope.written("1.2" if method is None else "1.1", body)


def _shipped(action: str) -> bytes:
    return files("kangyun.exchange.soap").joinpath("samples", f"{action}.xml").read_bytes()
