"""What fills a section: resources as entries with a line for who reads, and the texts of a Composition. Pure.

Where the templates leave something open (a result in words, a range, a name beside a code) CDA R2's own means are used;
`docs/documents.md` lists them.
"""

from collections.abc import Callable, Mapping
from datetime import date

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.writing import building as b
from kangyun.exchange.cda.writing import care, results
from kangyun.exchange.cda.writing.content import Content, extension_of
from kangyun.exchange.cda.writing.parts import Parts, shown


def disposition(content: Content, section: str) -> Parts:
    """How the patient left, by code."""
    said = (content.encounter or {}).get("hospitalization", {}).get("dischargeDisposition", {})
    if not said.get("coding"):
        return []
    return [(b.observation("DE06.00.223.00", b.coded("value", said, type_="CD")), f"离院方式：{shown(said)}")]


def stays(content: Content, section: str) -> Parts:
    """Which stay it was."""
    count = extension_of(content.encounter or {}, "stays-so-far")
    if not (isinstance(count, str) and count.isascii() and count.isdecimal()):
        return []
    return [(b.observation("DE02.10.090.00", b.make("value", value=count, type_="INT")), f"住院次数：{count}")]


def days(content: Content, section: str) -> Parts:
    """How many days it took: the day of admission and that of discharge count as one."""
    period = (content.encounter or {}).get("period", {})
    start, end = period.get("start", "")[:10], period.get("end", "")[:10]
    if len(start) != 10 or len(end) != 10:
        return []
    count = max((date.fromisoformat(end) - date.fromisoformat(start)).days, 1)
    value = b.make("value", value=str(count), unit="天", type_="PQ")
    return [(b.observation("DE06.00.310.00", value), "")]


def texts(content: Content, section: str) -> Parts:
    """Texts of the Composition, each under its data element where it has one."""
    found: Parts = []
    for element, title, text in content.texts(section):
        known = element in catalogue.elements() or element in catalogue.roles()
        node = b.observation(element, b.text(text), name=title) if known else None
        found.append((node, f"{title}：{text}" if title else text))
    return found


def demographics(content: Content, section: str) -> Parts:
    """Nothing: the header has it. A kind that needs only this needs a patient."""
    return [(None, "")] if content.patient is not None else []


FILLS: Mapping[str, Callable[[Content, str], Parts]] = {
    "diagnoses": care.diagnoses,
    "chinese-diagnosis": care.chinese_diagnosis,
    "prescriptions": care.prescriptions,
    "administrations": care.administrations,
    "laboratory": results.laboratory,
    "vital-signs": results.vital_signs,
    "blood-group": results.blood_group,
    "procedures": care.procedures,
    "allergies": care.allergies,
    "immunizations": care.immunizations,
    "immunization-text": care.immunization_text,
    "disposition": disposition,
    "stays": stays,
    "days": days,
    "examination": results.examination,
    "examination-item": results.examination_item,
    "laboratory-report": results.laboratory_report,
    "texts": texts,
    "demographics": demographics,
}
