"""A small hospital's outpatients as rows of its tables, a day at a time: enough for a calendar of what came.

Of the same people again and again, so that a month costs seconds. Some rows are broken, by their numbers. Pure; the
columns are those of dialect chengdu-2011 (`exchange/tables/data/columns.csv`), the words `data/outpatients.toml`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from random import Random

import msgspec

from kangyun.base.numbers import resident_id

PERSONS, VISITS, REPORTS = "TB_YL_PATIENT_INFORMATION", "TB_YL_MZ_MEDICAL_RECORD", "TB_LIS_REPORT"
RESULTS, FEES = "TB_LIS_INDICATORS", "TB_HIS_MZ_FEE_DETAIL"
PEOPLE = 24
DIVISION = "990000"
Cells = Mapping[str, str]


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A laboratory's item. range: within which it is measured."""

    code: str
    name: str
    unit: str
    limits: str
    range: tuple[float, float]


class Charge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is charged. price: in yuan."""

    code: str
    name: str
    unit: str
    price: str


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code of the region's list."""

    code: str
    name: str
    unit: str
    loinc: str


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`data/outpatients.toml`."""

    surnames: Sequence[str]
    given: Sequence[str]
    departments: Sequence[tuple[str, str, str]]
    diagnoses: Sequence[tuple[str, str]]
    items: Sequence[Item]
    charges: Sequence[Charge]
    regional: Sequence[Target]


@cache
def words() -> Words:
    """Returns the table."""
    return msgspec.toml.decode(files(__package__).joinpath("data", "outpatients.toml").read_bytes(), type=Words)


@dataclass(frozen=True, slots=True)
class Clinic:
    """One hospital. code: as its tables name it. seed: of all that is drawn."""

    code: str
    seed: int

    def persons(self) -> list[tuple[str, Cells]]:
        """Returns the rows of the people who come; one of them has a number that is cut off."""
        return [(PERSONS, self._person(nth)) for nth in range(PEOPLE)]

    def day(self, on: date, visits: int) -> list[tuple[str, Cells]]:
        """Returns the rows of a day's visits, by their table."""
        return [row for nth in range(visits) for row in self._visit(on, nth)]

    def _person(self, nth: int) -> Cells:
        born = date(1944 + nth * 3, 1 + nth % 12, 1 + nth)
        number = resident_id.made(DIVISION, born, 100 + self.seed * 50 + nth)
        return {
            "YLJGDM": self.code, "KH": self._card(nth), "KLX": "9", "XM": self._name(nth),
            "ZJHM": "1.10E+17" if nth == PEOPLE - 1 else number, "ZJLX": "1",
            "XB": "1" if int(number[16]) % 2 else "2", "CSRQ": f"{born:%Y%m%d}", "HYZK": "2",
            "SJHM": f"199{self.seed:04}{nth:04}", "JZDZ": f"演示路{nth + 1}号", "XGBZ": "1",
            "YWSCSJ": "2026-01-01 08:00:00",
        }  # fmt: skip

    def _card(self, nth: int) -> str:
        return f"MZ{self.seed:02}{nth:04}"

    def _name(self, nth: int) -> str:
        known = words()
        return known.surnames[nth % len(known.surnames)] + known.given[(nth * 5 + self.seed) % len(known.given)]

    def _visit(self, on: date, nth: int) -> Iterator[tuple[str, Cells]]:
        known, rng = words(), Random(f"{self.seed}:{on}:{nth}")
        at = datetime.combine(on, time(8)) + timedelta(minutes=rng.randrange(9 * 60))
        serial, who = f"MZ{on:%Y%m%d}{self.seed:02}{nth:03}", rng.randrange(PEOPLE - 1)
        whose = {"YLJGDM": self.code, "JZLSH": serial, "KH": self._card(who), "KLX": "9"}
        code, department, doctor = rng.choice(known.departments)
        diagnosis, text = rng.choice(known.diagnoses)
        lost = {"KH": ""} if rng.random() < 0.02 else {}
        yield VISITS, whose | {
            "HZXM": self._name(who), "JZLX": "100", "JZKSBM": code, "JZKSMC": department, "JZKSRQ": _moment(at),
            "ZZYSGH": f"D{code[-2:]}", "ZZYSXM": doctor, "JZZDBM": diagnosis, "JZZDMC": text, "BMLX": "01",
            "JZZDSM": text, "SSY": str(rng.randrange(108, 168)), "SZY": str(rng.randrange(64, 102)), "TW": "36.5",
            "XGBZ": "1",
        } | lost  # fmt: skip
        yield from self._charged(whose, serial, at, rng)
        if rng.random() < 0.6:
            yield from self._report(whose, serial, self._name(who), at + timedelta(hours=1), rng)

    def _charged(self, whose: Cells, serial: str, at: datetime, rng: Random) -> Iterator[tuple[str, Cells]]:
        for place, charge in enumerate(rng.sample(words().charges, 2), start=1):
            count = rng.randrange(1, 3)
            amount = "面议" if rng.random() < 0.01 else str(Decimal(charge.price) * count)
            yield FEES, {
                **whose, "SFMXID": f"{serial}F{place}", "XGBZ": "1", "MXFYLB": "01", "STFSJ": _moment(at),
                "MXXMBM": charge.code, "MXXMMC": charge.name, "MXXMDW": charge.unit, "MXXMDJ": charge.price,
                "MXXMSL": str(count), "MXXMJE": amount,
            }  # fmt: skip

    def _report(
        self, whose: Cells, serial: str, name: str, at: datetime, rng: Random
    ) -> Iterator[tuple[str, Cells]]:  # fmt: skip
        about = {**whose, "BGDH": f"{serial}L1", "BGRQ": f"{at:%Y%m%d}"}
        yield REPORTS, about | {
            "MZZYBZ": "1", "BRXM": name, "JYRQ": _moment(at), "BGDLBBM": "3", "BGDLB": "临床化学检查", "BGBZ": "-",
            "XGBZ": "1",
        }  # fmt: skip
        for place, item in enumerate(rng.sample(words().items, 3), start=1):
            flag = "7" if rng.random() < 0.015 else "1"
            yield RESULTS, about | {
                "JYZBLSH": f"{serial}L1-{place}", "JCZBDM": item.code, "JCZBMC": item.name,
                "JCZBJG": f"{rng.uniform(*item.range):.1f}", "JLDW": item.unit, "CKZ": item.limits, "YCTS": "1",
                "DYXH": str(place), "XGBZ": flag,
            }  # fmt: skip


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
