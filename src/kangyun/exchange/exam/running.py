"""What an exam runs on: an installation of its own, which is thrown away. Who starts one gives this."""

from collections.abc import Sequence
from typing import Protocol

from kangyun.fhir import Resource


class Scratch(Protocol):
    """An installation that nobody uses."""

    def store(self, resources: Sequence[Resource]) -> None:
        """Writes resources under their ids, in one transaction. Raises PlatformError where that is refused."""
        ...

    def call(self, service: str, message: bytes) -> tuple[int, bytes]:
        """Sends an envelope to a service. Returns the HTTP status and the answer."""
        ...
