"""A visit as rows of the TB_ table family, in the form of 2011 that has outpatient tables, and as a front page (N041).

Columns: `exchange/tables/data/columns.csv`, dialect chengdu-2011. 修改标志 XGBZ: 1 normal, 2 corrected, 3 revoked.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from kangyun.base.numbers import resident_id
from kangyun.base.numbers.fillers import stated
from kangyun.simulate.bundle import Resource
from kangyun.simulate.sending.piece import Cells, Piece
from kangyun.simulate.sending.seen import Result, Seen, first_coding, result_of

SEX = {"male": "1", "female": "2", "unknown": "0"}
MARITAL = {"S": "1", "M": "2", "W": "3"}
FLAG = "XGBZ"
SYSTOLIC, DIASTOLIC, TEMPERATURE = "8480-6", "8462-4", "8310-5"
YCTS = {"N": "1", "H": "3", "L": "4"}
LABORATORY = 3  # 临床化学检查, of the report types


def table_pieces(seen: Seen) -> Iterator[Piece]:
    """Gives the rows of a visit: the person, the visit, then what came of it."""
    yield _person(seen)
    yield _stay(seen) if seen.is_stay else _visit(seen)
    for nth, (report, results) in enumerate(seen.reports, start=1):
        yield from _report(seen, nth, report, results)
    for nth, order in enumerate(seen.prescriptions, start=1):
        yield _prescription(seen, nth, order)


def front_pages(seen: Seen) -> Iterator[Piece]:
    """Gives the front page of a stay; of other visits nothing."""
    if not seen.is_stay:
        return
    number, _ = seen.document
    (code, text), *others = [first_coding(one["code"]) for one in seen.conditions]
    cells: Cells = {
        "USERNAME": seen.house.name, "YLFKFS": "1", "JKKH": "-", "ZYCS": "1", "BAH": seen.serial, "XM": seen.name,
        "XB": SEX[seen.patient["gender"]], "CSRQ": seen.birth, "NL": "-", "GJ": "CHN", "SFZH": number or "-",
        "XZZ": seen.address or "-", "DH": seen.phone or "-", "HY": _marital(seen) or "9", "RYTJ": "2",
        "RYSJ": f"{seen.start:%Y%m%d}", "RYSJS": str(seen.start.hour), "RYKB": seen.department["code"],
        "CYSJ": f"{seen.end:%Y%m%d}", "CYSJS": str(seen.end.hour), "CYKB": seen.department["code"],
        "SJZYTS": str(max(1, (seen.end.date() - seen.start.date()).days)), "ZYZD": text, "JBDM": code, "RYBQ": "1",
        "ZYYS": seen.doctor[1], "LYFS": "1", "GMYW": "-",
    }  # fmt: skip
    for nth, (code, text) in enumerate(others[:15], start=1):
        cells |= {f"QTZD{nth}": text, f"JBDM{nth}": code, f"RYBQ{nth}": "1"}
    for nth, one in enumerate(seen.procedures[:7], start=1):
        code, text = first_coding(one["code"])
        begun = datetime.fromisoformat(one["performedPeriod"]["start"])
        cells |= {f"SSJCZBM{nth}": code, f"SSJCZMC{nth}": text, f"SSJCZRQ{nth}": f"{begun:%Y%m%d}"}
    if seen.fees is not None:
        cells["ZFY"] = str(seen.fees["total"]["value"])
    yield Piece("N041", (seen.serial,), seen.end, cells)


def _person(seen: Seen) -> Piece:
    card, kind = seen.card
    number, document = seen.document
    cells = {
        "YLJGDM": seen.house.code, "KH": card, "KLX": kind, "ZJHM": number, "ZJLX": document,
        "XB": SEX[seen.patient["gender"]], "XM": seen.name, "HYZK": _marital(seen), "CSRQ": seen.birth,
        "SJHM": seen.phone, "JZDZ": seen.address, FLAG: "1", "YWSCSJ": _moment(seen.start),
    }  # fmt: skip
    # What the desk mistyped identifies nobody: such a row is to come back for repair.
    wrong = "ZJHM" if document == "1" and not _may_be_right(number) else ""
    return Piece("TB_YL_PATIENT_INFORMATION", (card, kind), seen.start, cells, wrong)


def _may_be_right(number: str) -> bool:
    """Whether a number is one of an identity card, or a filler: of zeros, 无."""
    plain = resident_id.plain(number)
    return (
        not stated(number) or not plain.strip("0") or resident_id.is_valid(plain) or bool(resident_id.upgraded(plain))
    )


def _whose(seen: Seen) -> Cells:
    card, kind = seen.card
    return {"YLJGDM": seen.house.code, "JZLSH": seen.serial, "KH": card, "KLX": kind}


def _visit(seen: Seen) -> Piece:
    code, text = first_coding(seen.conditions[0]["code"])
    cells = _whose(seen) | {
        "HZXM": seen.name, "JZLX": "100", "JZKSBM": seen.department["code"], "JZKSMC": seen.department["display"],
        "JZKSRQ": _moment(seen.start), "ZZYSGH": seen.doctor[0], "ZZYSXM": seen.doctor[1], "JZZDBM": code,
        "JZZDMC": text, "BMLX": "01", "JZZDSM": text, "SSY": _measured(seen, SYSTOLIC),
        "SZY": _measured(seen, DIASTOLIC), "TW": _measured(seen, TEMPERATURE), FLAG: "1",
    }  # fmt: skip
    return Piece("TB_YL_MZ_MEDICAL_RECORD", (seen.serial,), seen.start, cells)


def _stay(seen: Seen) -> Piece:
    cells = _whose(seen) | {
        "HZXM": seen.name, "JZLX": "400", "JZKSBM": seen.department["code"], "JZKSMC": seen.department["display"],
        "RYSJ": _moment(seen.start), "CYSJ": _moment(seen.end), "ZYZZYSGH": seen.doctor[0],
        "ZYZZYSXM": seen.doctor[1], FLAG: "1",
    }  # fmt: skip
    return Piece("TB_YL_ZY_MEDICAL_RECORD", (seen.serial,), seen.end, cells)


def _report(seen: Seen, nth: int, report: Resource, results: Sequence[Resource]) -> Iterator[Piece]:
    number, issued = f"{seen.serial}L{nth}", datetime.fromisoformat(report["issued"])
    _, text = first_coding(report["code"])
    whose = _whose(seen) | {"BGDH": number, "BGRQ": f"{issued:%Y%m%d}"}
    cells = whose | {
        "MZZYBZ": "2" if seen.is_stay else "1", "BRXM": seen.name, "JYRQ": _moment(issued), "BGDLBBM": str(LABORATORY),
        "BGDLB": text, "BGBZ": "-", FLAG: "1",
    }  # fmt: skip
    yield Piece("TB_LIS_REPORT", (number, f"{issued:%Y%m%d}"), issued, cells)
    for place, one in enumerate(results, start=1):
        result = result_of(one)
        cells = whose | {
            "JYZBLSH": f"{number}-{place}", "JCZBDM": result.code, "LOINC": result.code, "JCZBMC": result.name,
            "JCZBJG": result.value, "JLDW": result.unit, "CKZ": _limits(result), "YCTS": YCTS[result.flag],
            "DYXH": str(place), FLAG: "1",
        }  # fmt: skip
        yield Piece("TB_LIS_INDICATORS", (number, f"{number}-{place}"), issued, cells)


def _prescription(seen: Seen, nth: int, order: Resource) -> Piece:
    code, text = first_coding(order["medicationCodeableConcept"])
    dose = order["dosageInstruction"][0]
    single = dose["doseAndRate"][0]["doseQuantity"]
    written = datetime.fromisoformat(order["authoredOn"])
    cells = _whose(seen) | {
        "CYH": f"{seen.serial}P", "CFMXH": f"{seen.serial}P{nth}", "JZKSDM": seen.department["code"],
        "KFYS": seen.doctor[0], "KFYSXM": seen.doctor[1], "KFRQ": _moment(written), "XMBM": code, "XMMC": text,
        "SYPC": f"每日{dose['timing']['repeat']['frequency']}次", "JL": str(single["value"]), "DW": single["unit"],
        "YYTS": str(order["dispenseRequest"]["expectedSupplyDuration"]["value"]), "BZ": "-",
    }  # fmt: skip
    return Piece("TB_CIS_PRESCRIPTION_DETAIL", (f"{seen.serial}P", f"{seen.serial}P{nth}"), written, cells)


def _marital(seen: Seen) -> str:
    status = seen.patient.get("maritalStatus", {}).get("coding", [{}])[0].get("code", "")
    return MARITAL.get(status, "")


def _measured(seen: Seen, loinc: str) -> str:
    parts = [part for one in seen.vitals for part in (one, *one.get("component", ()))]
    found = (one["valueQuantity"]["value"] for one in parts if first_coding(one["code"])[0] == loinc)
    return str(next(found, ""))


def _limits(result: Result) -> str:
    if result.low and result.high:
        return f"{result.low}-{result.high}"
    return f">={result.low}" if result.low else f"<={result.high}" if result.high else "-"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
