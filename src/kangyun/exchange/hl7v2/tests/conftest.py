"""Sample messages: fictitious persons of division 99, one message a file, lines ended as in a text editor."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kangyun.exchange.hl7v2.mapping import Feed
from kangyun.exchange.hl7v2.message import Message
from kangyun.exchange.hl7v2.splitting import split

EXAMPLES = Path(__file__).parent / "examples"


@pytest.fixture
def feed() -> Feed:
    return Feed("h990102", "Organization/h990102")


@pytest.fixture
def raw() -> Callable[[str], bytes]:
    """The bytes of an example, as a hospital sends them."""
    return lambda name: (EXAMPLES / f"{name}.hl7").read_bytes().replace(b"\n", b"\r")


@pytest.fixture
def example(raw: Callable[[str], bytes]) -> Callable[..., Message]:
    """An example, split; pairs of (old, new) text are replaced in it before."""

    def read(name: str, *changes: tuple[str, str]) -> Message:
        text = raw(name).decode()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        return split(text.encode())

    return read
