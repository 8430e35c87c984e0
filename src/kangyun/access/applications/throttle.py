"""How much an application may ask: requests a second and a day, of all processes together.

Each process has a bucket of its own that runs over at the application's full rate, and every half second tells the
database how much went through it; there one bucket is kept for all. So no request waits for another process, and
what several processes let through together is over the limit for half a second at most.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kangyun.access.applications.register import Application
from kangyun.base.errors import Throttled
from kangyun.database.pool import Pool

TOLD_EVERY = 0.5  # seconds
BURST = 2.0  # seconds' worth of requests that may come at once


RATE = "access.applications.over-rate"


class OverLimit(Throttled):
    """The application has asked as much as it may."""

    default_text = "access.applications.over-limit"

    def __init__(self, text: str = RATE, seconds: float = 1.0) -> None:
        self.retry_after = max(1, int(seconds + 0.999))
        super().__init__(text, seconds=self.retry_after)


@dataclass(slots=True)
class Bucket:
    """One application's, in one process. What it holds leaks `rate` a second; `untold` were not told yet."""

    application: Application
    level: float = 0.0
    at: float = field(default_factory=time.monotonic)
    untold: int = 0
    told: float = 0.0
    closed_until: float = 0.0
    over_quota: bool = False

    def check(self) -> None:
        """Raises OverLimit where no request would get through now; counts none."""
        now = time.monotonic()
        rate = self.application.rate
        if now < self.closed_until:
            seconds = self.closed_until - now
            raise OverLimit("access.applications.over-quota" if self.over_quota else RATE, seconds)
        if rate:
            self.level = max(0.0, self.level - (now - self.at) * rate)
            self.at = now
            if self.level + 1 > max(rate * BURST, 1.0):
                raise OverLimit(seconds=(self.level + 1) / rate - BURST)

    def take(self) -> None:
        """Lets one request through. Raises OverLimit."""
        self.check()
        self.count()

    def count(self) -> None:
        """Counts a request that went through."""
        if self.application.rate:
            self.level += 1
        self.untold += 1

    @property
    def is_due(self) -> bool:
        limits = self.application.rate or self.application.quota
        return bool(limits) and time.monotonic() - self.told > TOLD_EVERY


class Throttle:
    """The buckets of a process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._buckets: dict[str, Bucket] = {}
        self._telling = asyncio.Lock()

    def bucket(self, application: Application) -> Bucket:
        """Returns the bucket of an application, which may have changed its limits."""
        found = self._buckets.get(application.client)
        if found is None:
            found = self._buckets[application.client] = Bucket(application)
        found.application = application
        return found

    async def tell(self, bucket: Bucket) -> None:
        """Adds what went through here to what went through everywhere, and closes the bucket where that is enough."""
        async with self._telling:
            if not bucket.is_due:
                return
            count, bucket.untold, bucket.told = bucket.untold, 0, time.monotonic()
            one = bucket.application
            try:
                async with self._pool.connection() as connection:
                    row = await connection.fetchrow(_USE, one.client, count, one.rate)
            except BaseException:
                bucket.untold += count
                raise
        now = time.monotonic()
        if one.quota and row["count"] >= one.quota:
            bucket.closed_until, bucket.over_quota = now + _until_midnight(), True
        elif one.rate and row["level"] > max(one.rate * BURST, 1.0):
            bucket.closed_until, bucket.over_quota = now + row["level"] / one.rate - BURST, False
        else:
            bucket.closed_until = 0.0


def _until_midnight() -> float:
    now = datetime.now(UTC)
    return 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)


_USE = """
INSERT INTO application_use (client, day, count, level, at)
VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date, $2::int8, $2::int8::float8, clock_timestamp())
ON CONFLICT (client) DO UPDATE SET
    day = excluded.day,
    count = excluded.count + CASE WHEN application_use.day = excluded.day THEN application_use.count ELSE 0 END,
    level = excluded.level + greatest(
        0, application_use.level - $3::float8 * extract(epoch FROM excluded.at - application_use.at)::float8),
    at = excluded.at
RETURNING count, level
"""
