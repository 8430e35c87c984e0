"""The tables of `data/` as typed values, read once. What they mean is written in the files themselves."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import TypeVar

import msgspec

Bands = list[tuple[float, float]]  # (from this age in years, value), ascending
BySex = dict[str, float]


class Village(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    clinic: str


class Town(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    centre: str
    villages: list[Village]


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    division: str
    province: str
    city: str
    county: str
    postal_code: str
    mobile_prefix: str
    years: int


class Department(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    zh: str
    doctors: int
    nurses: int


class Institution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    kind: str
    name: str
    class_: str = msgspec.field(name="class")
    class_zh: str
    serial: str
    address: str
    longitude: float
    latitude: float
    departments: list[Department]


class DistrictTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    place: Place
    towns: list[Town]
    institutions: list[Institution]


class Household(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    share: float
    members: list[tuple[str, int, int, str]]


class Allergy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    share: float
    category: str
    atc: str
    zh: str


class Growth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    age: float
    height: BySex
    weight: BySex


class PopulationTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    allergy_share: float
    smoker_share: BySex
    contract_share: dict[str, float]
    households: list[Household]
    allergies: list[Allergy]
    growth: list[Growth]


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    until: int
    male: list[str]
    female: list[str]


class NameTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    surnames: dict[str, float]
    given: list[Given]


class Quantity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    loinc: str
    zh: str
    unit: str
    decimals: int
    mean: BySex
    sd: float
    least: float
    most: float
    slope: float = 0.0
    steady: bool = False
    grows: str | None = None
    low: float | None = None
    high: float | None = None


class Panel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    loinc: str
    zh: str
    components: list[str]


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    loinc: str
    zh: str
    items: list[str]
    fee: float


class ObservationTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    quantities: dict[str, Quantity]
    panels: dict[str, Panel]
    reports: dict[str, Report]


class Drug(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    atc: str
    zh: str
    dose: float
    unit: str
    times_a_day: int
    days: int
    fee: float


class Operation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    icd9: str
    zh: str
    fee: float


class Vaccine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cvx: str
    zh: str
    months: list[int] = []
    yearly_from: int | None = None
    yearly_share: float = 0.0


class TreatmentTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    drugs: dict[str, Drug]
    operations: dict[str, Operation]
    vaccines: dict[str, Vaccine]


class Chronic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    icd10: str
    zh: str
    ages: Bands
    follow_up_days: int
    department: str
    measures: list[str]
    reports: list[str]
    source: str
    certainty: str
    drugs: list[tuple[str, float]] = []
    shift: dict[str, float] = {}
    male: float = 1.0
    female: float = 1.0
    diagnosed: float = 1.0


class Acute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    icd10: str
    zh: str
    ages: Bands
    places: dict[str, float]
    department: str
    measures: list[str]
    reports: list[str]
    source: str
    certainty: str
    adult_department: str | None = None
    report_share: dict[str, float] = {}
    drugs: list[tuple[str, float]] = []
    shift: dict[str, float] = {}
    months: list[int] = []
    male: float = 1.0
    female: float = 1.0
    emergency: bool = False
    stay: tuple[int, int] | None = None
    operation: str | None = None
    operation_share: float = 0.0
    fee: float = 0.0


class CheckUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    icd10: str
    zh: str
    kind: str
    department: str
    measures: list[str]
    infant_measures: list[str] = []
    reports: list[str] = []
    reports_from_months: dict[str, int] = {}
    months: list[int] = []
    from_age: int = 0
    every_days: int = 365
    share: float = 1.0


class Pregnancy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    antenatal_icd10: str
    antenatal_zh: str
    delivery_icd10: str
    delivery_zh: str
    caesarean_icd10: str
    caesarean_zh: str
    postpartum_icd10: str
    postpartum_zh: str
    weeks: list[int]
    caesarean_share: float
    ongoing_share: float
    stay: tuple[int, int]
    measures: list[str]
    fetal_measures: list[str]
    reports: list[str]
    drugs: list[tuple[str, float]]
    fee: float
    source: str
    certainty: str


class ConditionTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chronic: list[Chronic]
    acute: list[Acute]
    check_ups: dict[str, CheckUp]
    pregnancy: Pregnancy


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the generator knows about its district."""

    district: DistrictTable
    population: PopulationTable
    names: NameTable
    observations: ObservationTable
    treatments: TreatmentTable
    conditions: ConditionTable


_T = TypeVar("_T")


def _read(name: str, kind: type[_T]) -> _T:
    return msgspec.toml.decode(files(__package__).joinpath("data", name).read_bytes(), type=kind)


@cache
def tables() -> Tables:
    """Returns all tables of the package."""
    return Tables(
        district=_read("district.toml", DistrictTable),
        population=_read("population.toml", PopulationTable),
        names=_read("names.toml", NameTable),
        observations=_read("observations.toml", ObservationTable),
        treatments=_read("treatments.toml", TreatmentTable),
        conditions=_read("conditions.toml", ConditionTable),
    )


def at_age(bands: Iterable[tuple[float, float]], age: float) -> float:
    """Returns the value of the last band that begins at or below `age`; 0 below the first."""
    found = 0.0
    for start, value in bands:
        if age < start:
            break
        found = value
    return found
