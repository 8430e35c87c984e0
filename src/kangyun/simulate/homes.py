"""Where people live, and the numbers that go with a place and a day. Drawn from the source that the caller gives."""

from collections import Counter
from datetime import date
from random import Random

from kangyun.base.numbers import resident_id
from kangyun.simulate.people import Home
from kangyun.simulate.tables.city import CityTable, County, Origin, Village

_SEQUENCES = 498  # of one sex on a day: 001 to 995; the last two are for centenarians
_PHONES = 10**8
_STRIDE = 48_271_919  # no common factor with 10^8: neighbours' telephones do not look alike


class Homes:
    """Draws addresses."""

    def __init__(self, table: CityTable) -> None:
        self._table = table
        self._shares = [county.share for county in table.counties]
        self._origins = [origin.share for origin in table.origins]

    def home(self, rng: Random, county: County | None = None) -> Home:
        """Draws an address, in a county where one is given."""
        county = county or rng.choices(self._table.counties, self._shares)[0]
        town = rng.choice(county.towns)
        village = rng.choice(town.villages)
        return Home(county, town, village, town.name + _street(rng, village))

    def origin(self, rng: Random) -> Origin | None:
        """Draws where a household is registered; None where it lives."""
        if rng.random() >= self._table.place.floating:
            return None
        return rng.choices(self._table.origins, self._origins)[0]

    def elsewhere(self, rng: Random) -> Origin:
        """Draws a place outside of the city."""
        return rng.choices(self._table.origins, self._origins)[0]


def _street(rng: Random, village: Village) -> str:
    if not village.estates:
        return f"{village.name}{rng.randint(1, 9)}组{rng.randint(1, 80)}号"
    door = f"{rng.randint(1, 28)}号楼{rng.randint(1, 6)}单元{rng.randint(1, 18)}0{rng.randint(1, 4)}室"
    if rng.random() < 0.6:
        return village.name + rng.choice(village.estates) + door
    return f"{village.name}{rng.choice(village.roads)}{rng.randint(1, 260)}号{door}"


class Numbers:
    """Gives everyone an ID number and a telephone that nobody else has."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._born: Counter[tuple[str, date, str]] = Counter()
        self._phones = 0

    def number(self, division: str, birth: date, sex: str) -> str:
        """Returns an ID number. Who is born on one day in one place has the next one: so do twins."""
        count = self._born[division, birth, sex]
        self._born[division, birth, sex] += 1
        first = birth.toordinal() * 269 + int(division)
        sequence = (first + count) % _SEQUENCES * 2 + (1 if sex == "male" else 2)
        return resident_id.made(division, birth, sequence)

    def phone(self) -> str:
        """Returns a mobile telephone number."""
        self._phones += 1
        return f"{self._prefix}{self._phones * _STRIDE % _PHONES:08d}"
