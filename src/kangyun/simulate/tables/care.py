"""The tables of care: what is measured, what is given, what people have."""

import msgspec

Bands = list[tuple[float, float]]  # (from this age in years, value), ascending
BySex = dict[str, float]


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
    drift: float = 0.03
    control: float = 0.5
    raises: dict[str, float] = {}
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


class Outbreak(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    illness: str
    among: str
    years_ago: int
    month: int
    day: int
    days: int
    attack: float


class Birth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    icd10: str
    zh: str
    stay: tuple[int, int]
    measures: list[str]
    fee: float


class Death(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    in_hospital: float
    stay: tuple[int, int]
    causes: list[tuple[str, str, float]]
    measures: list[str]
    reports: list[str]
    fee: float
    source: str
    certainty: str


class ConditionTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chronic: list[Chronic]
    acute: list[Acute]
    check_ups: dict[str, CheckUp]
    pregnancy: Pregnancy
    birth: Birth
    death: Death
    outbreaks: list[Outbreak]
