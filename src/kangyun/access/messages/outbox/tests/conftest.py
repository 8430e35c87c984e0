"""An outbox with channels that note what they are given, and a clock that a test sets."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from kangyun.access.messages.outbox import Notice, Reader, Urgency
from kangyun.access.messages.outbox.channels import Installed
from kangyun.access.messages.outbox.contacts import Contacts, keep
from kangyun.access.messages.outbox.sending import Sent
from kangyun.access.messages.outbox.teller import Teller


@dataclass
class Noting:
    """A channel: notes parcels, and does as it is told. fate: an error to raise, else it is handed over."""

    dedupes: bool = False
    receipts: bool = True
    rate: float = 0.0
    fate: Exception | None = None
    received: bool = False
    got: list = field(default_factory=list)

    async def send(self, parcel):
        self.got.append(parcel)
        if self.fate is not None:
            raise self.fate
        return Sent(f"ref-{len(self.got)}-{parcel.channel}", self.received)


@dataclass
class World:
    """What a test needs of an outbox."""

    platform: object
    connection: asyncpg.Connection
    teller: Teller
    channels: dict
    clock: list

    @property
    def outbox(self):
        return self.platform.gate.outbox

    @property
    def now(self):
        return self.clock[0]

    def later(self, **delta):
        self.clock[0] += timedelta(**delta)

    async def put(self, key="alarm/1/doctor", readers=("Practitioner/li",), urgency=Urgency.RED, **given):
        given = {"template": "warning", "asker": "alarm/1"} | given
        roles = (
            "doctor" if one.startswith("Pr") else "desk" if one.startswith("desk") else "family" for one in readers
        )
        told = tuple(Reader(one, role) for one, role in zip(readers, roles, strict=True))
        return await self.outbox.put(
            self.connection, [Notice(key=key, urgency=urgency, readers=told, **given)], self.now
        )

    async def run(self, most=50):
        """Does what is due until nothing is."""
        for _ in range(most):
            if not await self.teller.tick():
                return
        raise AssertionError("it does not come to rest")

    async def until_over(self, seconds=300, step=15):
        for _ in range(0, seconds, step):
            await self.run()
            self.later(seconds=step)

    async def reach(self, reader, **addresses):
        """Lets a reader be reached, by default by SMS and voice."""
        addresses = addresses or {"sms": "13800000001", "voice": "13800000001"}
        await keep(
            self.connection, self.outbox.letters, reader, self.now,
            addresses={name.replace("_", "-"): value for name, value in addresses.items()},
        )  # fmt: skip

    async def state(self, key="alarm/1/doctor"):
        return await self.connection.fetchval("SELECT state FROM outbox_message WHERE key = $1", key)

    async def told(self, kind="alarm"):
        return [(one.what, one.reader, one.channel) for one in await self.outbox.take(self.connection, kind, 100)]

    def sent(self):
        return [(name, parcel.address) for name, channel in self.channels.items() for parcel in channel.got]


@pytest.fixture
async def world(platform):
    connection = await asyncpg.connect(platform.pool.url)
    clock = [datetime(2026, 11, 23, 4, tzinfo=UTC)]  # noon in the region
    channels = {"sms": Noting(), "voice": Noting(), "webhook": Noting(dedupes=True)}
    outbox = platform.gate.outbox
    audited = []

    async def audit(_, holders):
        audited.append(list(holders))

    teller = Teller(
        platform.pool, outbox, Installed(channels),
        Contacts(platform.gate.store.reader, outbox.letters, {"county": {"voice": "13800000009"}}),
        audit, "https://kangyun.example", lambda: clock[0],
    )  # fmt: skip
    made = World(platform, connection, teller, channels, clock)
    made.audited = audited
    yield made
    await connection.close()
