"""The tables of the city: places, institutions, and where people from elsewhere come from."""

import msgspec


class Village(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A village, or a community of a town: `estates` and `roads` where it has any."""

    name: str
    clinic: str
    estates: list[str] = []
    roads: list[str] = []


class Town(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    centre: str
    villages: list[Village]


class County(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    name: str
    division: str
    urban: bool
    share: float
    postal_code: str
    hospitals: list[tuple[str, float]]
    maternal: str
    pharmacy: str
    schools: list[tuple[str, str]]
    employers: list[str]
    towns: list[Town]


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    division: str
    address: str
    share: float


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    province: str
    city: str
    mobile_prefix: str
    floating: float


class CityTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    place: Place
    counties: list[County]
    origins: list[Origin]

    def county(self, key: str) -> County:
        """Returns the county of this key."""
        return next(county for county in self.counties if county.key == key)


class Department(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    zh: str
    doctors: int
    nurses: int


class InstitutionRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    kind: str
    name: str
    class_: str = msgspec.field(name="class")
    class_zh: str
    level: str
    county: str
    serial: str
    address: str
    longitude: float
    latitude: float
    since: int
    departments: str


class InstitutionTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    departments: dict[str, list[Department]]
    institutions: list[InstitutionRow]
