"""The tables of the population: households, what changes in their papers, growth, mortality, allergies."""

import msgspec

from kangyun.simulate.tables.care import BySex

Member = tuple[str, int, int, str]  # role, youngest, oldest, sex


class Household(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    share: float
    members: list[Member]
    elsewhere: list[Member] = []


class Allergy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    share: float
    category: str
    atc: str
    zh: str


class Growth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    age: float
    height: BySex
    weight: BySex


class Mortality(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    age: float
    male: float
    female: float


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    years: float
    move: float
    phone: float
    given_name: float
    surname: float
    number: float


class Permits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who has other papers. share: of those living alone; residence, permanent: of these and of foreigners."""

    share: float
    origins: dict[str, float]
    residence: float
    permanent: float


class Families(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    adopted: float
    adopted_until: int
    wards: dict[str, float]
    wards_old_from: int


class PopulationTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    allergy_share: float
    smoker_share: BySex
    contract_share: dict[str, float]
    age_gap: tuple[float, float]
    twins: float
    namesakes: float
    no_phone: dict[str, float]
    own_phone_from: int
    old_from: int
    employed_from: int
    retired_from: BySex
    permits: Permits
    families: Families
    changes: Changes
    mortality: list[Mortality]
    households: list[Household]
    allergies: list[Allergy]
    growth: list[Growth]
