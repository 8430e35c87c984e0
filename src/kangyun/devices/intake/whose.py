"""Whose readings are, and which are to be asked about (这次是谁量的？).

A question that was asked stands: what comes again is of whom the answer named, and of nobody while there is none. A
reading that was stored for somebody stays his. So a replay asks nothing new, and stores nothing twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg
import numpy as np
from numpy.typing import NDArray

from kangyun.database.pool import Pool
from kangyun.devices.intake.asides import SQL
from kangyun.devices.intake.decoding import Found, instant_of
from kangyun.devices.intake.parts import Wearers
from kangyun.devices.metrics import metrics_by_number
from kangyun.devices.model import Mark
from kangyun.devices.register.questions import Asked, Reason, reason_of
from kangyun.devices.register.wearers import Use
from kangyun.devices.series.batch import resolutions
from kangyun.devices.series.reading import Readings
from kangyun.devices.signals.fitting import Pattern, fit, pattern
from kangyun.devices.signals.limits import JUDGED, Facts, LimitTable

PATTERN = 90 * 86_400_000_000
"""Microseconds of readings that make a pattern; our choice."""
UNCERTAIN = int(Mark.DOUBTED | Mark.QUESTION)
AMBER = 1  # place of the level among three, low; high ones follow
Press = tuple[int, int, str]
"""Device, instant, key: what one pressing of a button measured, of several metrics."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Says whose readings are. One for a process."""

    pool: Pool
    wearers: Wearers
    readings: Readings
    limits: LimitTable

    async def of(self, found: Found, mark: NDArray[np.int16]) -> tuple[NDArray[np.int64], list[Asked]]:
        """Returns the holders of readings, 0 for nobody certain, and what is to be asked. Marks what is in question."""
        holder = await self.wearers.of(found.device, found.key, found.at)
        uses = await self.wearers.uses(set(found.device))
        presses = _presses(found, holder, uses)
        if not presses:
            return holder, []
        asked: list[Asked] = []
        async with self.pool.connection() as connection:
            standing = await _standing(connection, list(presses))
            certain = {}
            for press, places in presses.items():
                reason: Reason | None = None
                if press in standing:
                    said = standing[press]
                    holder[places] = said["holder"] or 0
                    reason = said["reason"] if said["open"] else None
                elif holder[places[0]]:
                    certain[press] = places
                else:
                    reason = reason_of(uses[press[0]], press[2], press[1])
                if reason is not None:
                    asked.append(_asked(found, press, places, reason, None))
                    mark[places] |= int(Mark.QUESTION)
            for press, places in certain.items():
                owner = int(holder[places[0]])
                if not await self._fits(connection, found, press, places, owner, uses[press[0]]):
                    asked.append(_asked(found, press, places, "does-not-fit", owner))
                    mark[places] |= int(Mark.QUESTION)
                    holder[places] = 0
        return holder, asked

    async def _fits(
        self, connection: asyncpg.Connection, found: Found, press: Press, places: list[int], owner: int,
        uses: Sequence[Use],
    ) -> bool:  # fmt: skip
        """Whether a reading of a shared device fits who is said to have measured, or is his already."""
        device, at, _ = press
        others = sorted({use.holder for use in uses if use.since <= at < use.until} - {owner})
        if not others:
            return True
        numbers = [found.metric[place] for place in places]
        stored = await self.readings.at(connection, [(device, number, owner, at) for number in numbers])
        if any(one is not None for one in stored):
            return True
        names = {number: metrics_by_number()[number].name for number in numbers}
        reading = {names[found.metric[place]]: found.value[place] for place in places}
        usual = await self._patterns(connection, [owner, *others], names, at)
        alarming = any(self._alarms(name, value) for name, value in reading.items())
        return fit(reading, usual[owner], [usual[one] for one in others], alarming=alarming).fits

    async def _patterns(
        self, connection: asyncpg.Connection, holders: list[int], names: Mapping[int, str], at: int
    ) -> dict[int, Pattern]:
        series = await self.readings.of_holders(connection, holders, list(names))
        curves = await self.readings.curves(connection, [one.id for one in series], at - PATTERN, at)
        values: dict[int, dict[str, list[NDArray[np.float64]]]] = {holder: {} for holder in holders}
        for one in series:
            if one.holder in values and one.id in curves:
                curve = curves[one.id]
                certain = (curve.mark & UNCERTAIN) == 0
                values[one.holder].setdefault(names[one.metric], []).append(
                    curve.value[certain] * resolutions()[one.metric]
                )
        return {
            holder: pattern({name: np.concatenate(parts) for name, parts in of.items()})
            for holder, of in values.items()
        }

    def _alarms(self, metric: str, value: float) -> bool:
        if metric not in JUDGED:
            return False
        row = self.limits.thresholds(Facts())[JUDGED.index(metric)]
        return bool(value <= row[AMBER] or value >= row[3 + AMBER])


def _presses(found: Found, holder: NDArray[np.int64], uses: Mapping[int, Sequence[Use]]) -> dict[Press, list[int]]:
    """Returns what somebody measured by hand, where it may be a question whose it is."""
    kinds = metrics_by_number()
    shared = {device for device, of in uses.items() if len(of) > 1}
    presses: dict[Press, list[int]] = {}
    places = range(len(found.device)) if shared else np.flatnonzero(holder == 0).tolist()
    for place in places:
        device = found.device[place]
        if (device in shared or not holder[place]) and kinds[found.metric[place]].kind == "episodic":
            presses.setdefault((device, found.at[place], found.key[place]), []).append(place)
    return presses


async def _standing(connection: asyncpg.Connection, presses: list[Press]) -> dict[Press, asyncpg.Record]:
    devices, instants, keys = (list(column) for column in zip(*presses, strict=True))
    rows = await connection.fetch(SQL["questions"], devices, [instant_of(one) for one in instants], keys)
    return {presses[row["place"] - 1]: row for row in rows}


def _asked(found: Found, press: Press, places: list[int], reason: Reason, supposed: int | None) -> Asked:
    device, at, key = press
    return Asked(device, instant_of(at), key, reason, tuple(found.metric[place] for place in places), supposed)
