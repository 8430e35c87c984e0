"""What the listener asks of its neighbours: who a device is, what a payload says, and the log."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from kangyun.devices.formats import Context
from kangyun.devices.log import Record
from kangyun.devices.model import Lane, Message, Refusal
from kangyun.devices.register.keys import Batch, Provisioned
from kangyun.devices.register.model import Admitted

Read: TypeAlias = Callable[[str, bytes, Context], tuple[Message, tuple[Refusal, ...]]]
"""`devices.formats.read`."""


class Credentials(Protocol):
    """`devices.register.credentials`: each raises Unavailable where nobody can say."""

    async def check(self, name: str, secret: str) -> Admitted | None: ...

    async def by_certificate(self, der: bytes) -> Admitted | None: ...

    async def still(self, admitted: Admitted) -> bool: ...


class Provisioner(Protocol):
    """`devices.register.keys.Provisioning`."""

    async def batch(self, key: str) -> Batch | None: ...

    async def provision(self, batch: Batch, serial: str, source: str) -> Provisioned: ...

    async def renew(self, device: int) -> Provisioned: ...


class Log(Protocol):
    """`devices.log.LogWriter`: the future is done when the records are on disk. Raises Unavailable."""

    def put(self, lane: Lane, records: Sequence[Record]) -> asyncio.Future[None]: ...
