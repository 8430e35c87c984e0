"""A visit as HL7 v2.5.1 messages: an admission or registration, the discharge of a stay, and the results."""

from collections.abc import Iterator
from datetime import datetime

from kangyun.simulate.sending.piece import Cells, Piece
from kangyun.simulate.sending.seen import Seen, first_coding, result_of

SEX = {"male": "M", "female": "F", "unknown": "U"}
CLASSES = {"AMB": "O", "EMER": "E", "IMP": "I"}
HEAD, CONTROL, WHAT = "MSH-9", "MSH-10", "EVN-1"
TYPES = {"1": "NI", "3": "PPN"}  # of v2-0203, by the codes of the tables; it has none for travel permits
CODES = "99LAB"  # the hospital's own list of laboratory items


def message_pieces(seen: Seen) -> Iterator[Piece]:
    """Gives the messages of a visit in the order in which a hospital's system would send them."""
    opened = "A01" if seen.is_stay else "A04"
    yield _adt(seen, opened, seen.start, {})
    if seen.is_stay:
        yield _adt(seen, "A03", seen.end, _diagnoses(seen) | {"PV1-45": _moment(seen.end)})
    else:
        yield _adt(seen, "A08", seen.end, _diagnoses(seen))
    for nth, (report, results) in enumerate(seen.reports, start=1):
        number, issued = f"{seen.serial}L{nth}", datetime.fromisoformat(report["issued"])
        code, text = first_coding(report["code"])
        cells = _head("ORU^R01^ORU_R01", issued) | _person(seen) | _visit(seen)
        cells |= {
            "OBR-1": "1", "OBR-3": number, "OBR-4": f"{code}^{text}^{CODES}", "OBR-7": _moment(issued),
            "OBR-22": _moment(issued), "OBR-25": "F",
        }  # fmt: skip
        for place, one in enumerate(results, start=1):
            result = result_of(one)
            name = f"OBX.{place}"
            cells |= {
                f"{name}-1": str(place), f"{name}-2": "NM", f"{name}-3": f"{result.code}^{result.name}^{CODES}",
                f"{name}-5": result.value, f"{name}-6": result.unit,
                f"{name}-7": f"{result.low}-{result.high}" if result.low and result.high else "",
                f"{name}-8": result.flag,
                f"{name}-11": "F", f"{name}-14": _moment(issued),
            }  # fmt: skip
        yield Piece("ORU", (number,), issued, cells)


def rendered(cells: Cells, control: str) -> bytes:
    """Returns a message as it goes over the line, in UTF-8, with its control id."""
    segments: dict[str, dict[int, str]] = {}
    for name, value in (cells | {CONTROL: control}).items():
        segment, _, field = name.partition("-")
        segments.setdefault(segment, {})[int(field)] = value
    return "".join(_line(name, fields) + "\r" for name, fields in segments.items()).encode()


def _line(name: str, fields: dict[int, str]) -> str:
    code = name.partition(".")[0]
    if code == "MSH":
        # MSH-1 is the separator itself.
        return "MSH|^~\\&|" + "|".join(fields.get(number, "") for number in range(3, max(fields) + 1))
    return "|".join([code, *(fields.get(number, "") for number in range(1, max(fields) + 1))])


def _head(kind: str, at: datetime) -> Cells:
    # MSH-10 comes last, when it is known how often it is sent.
    return {
        "MSH-3": "HIS", "MSH-5": "KANGYUN", "MSH-7": _moment(at), HEAD: kind, CONTROL: "", "MSH-11": "P",
        "MSH-12": "2.5.1", "MSH-18": "UNICODE UTF-8",
    }  # fmt: skip


def _adt(seen: Seen, event: str, at: datetime, more: Cells) -> Piece:
    cells = _head(f"ADT^{event}^ADT_A01", at) | {WHAT: event, "EVN-2": _moment(at)} | _person(seen) | _visit(seen)
    return Piece("ADT", (seen.serial, event), at, cells | more)


def _person(seen: Seen) -> Cells:
    number, kind = seen.document
    numbers = [f"{seen.card[0]}^^^HIS^PI"]
    if number and kind in TYPES:
        numbers.append(f"{_told(number)}^^^GA^{TYPES[kind]}")
    return {
        "PID-1": "1", "PID-3": "~".join(numbers), "PID-5": _told(seen.name), "PID-7": seen.birth,
        "PID-8": SEX[seen.patient["gender"]], "PID-11": f"^^^^^^H^{_told(seen.address)}" if seen.address else "",
        "PID-13": f"{_told(seen.phone)}^PRN^CP" if seen.phone else "",
    }  # fmt: skip


def _visit(seen: Seen) -> Cells:
    number, name = seen.doctor
    return {
        "PV1-1": "1", "PV1-2": CLASSES[seen.encounter["class"]["code"]],
        "PV1-3": f"{seen.department['code']}^^^{_told(seen.department['display'])}", "PV1-7": f"{number}^{_told(name)}",
        "PV1-19": seen.serial, "PV1-44": _moment(seen.start),
    }  # fmt: skip


def _diagnoses(seen: Seen) -> Cells:
    cells: Cells = {}
    for place, one in enumerate(seen.conditions, start=1):
        code, text = first_coding(one["code"])
        name = f"DG1.{place}"
        cells |= {f"{name}-1": str(place), f"{name}-3": f"{code}^{_told(text)}^I10", f"{name}-6": "F"}
    return cells


def _told(text: str) -> str:
    for sign, escaped in (("\\", "\\E\\"), ("|", "\\F\\"), ("^", "\\S\\"), ("&", "\\T\\"), ("~", "\\R\\")):
        text = text.replace(sign, escaped)
    return text


def _moment(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}+0800"
