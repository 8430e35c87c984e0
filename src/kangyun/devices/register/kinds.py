"""Kinds of devices, by `data/kinds.toml`: what they are called, and after how long they count as silent."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from kangyun.base.texts import Language

OTHER = "other"


class Kind(msgspec.Struct, frozen=True):
    """A kind of devices. silent_hours: without a reading for so long it is silent. mdc: ISO/IEEE 11073-10101."""

    zh: str
    en: str
    silent_hours: float
    mdc: int | None = None

    def name(self, language: Language) -> str:
        """Returns what people call it."""
        return self.zh if language == "zh" else self.en


class _Model(msgspec.Struct, frozen=True):
    silent_hours: float


class Kinds(msgspec.Struct, frozen=True):
    """All of them. low_battery: per cent, and below. unverified: whether no source has confirmed the hours."""

    edition: str
    unverified: bool
    low_battery: float
    kind: Mapping[str, Kind]
    model: Mapping[str, _Model]

    def of(self, kind: str) -> Kind:
        """Returns a kind, the one of all others for what is none."""
        return self.kind.get(kind, self.kind[OTHER])

    def silent_hours(self, kind: str, model: str) -> float:
        """Returns after how many hours without a reading a device is silent."""
        own = self.model.get(model)
        return own.silent_hours if own is not None else self.of(kind).silent_hours

    def called(self, name: str) -> str | None:
        """Returns the kind that a list calls so, in Chinese or by its key."""
        found = {one.zh: key for key, one in self.kind.items()} | {key: key for key in self.kind}
        return found.get(name)


@cache
def kinds() -> Kinds:
    """Returns the kinds."""
    return msgspec.convert(tomllib.loads(files(__package__).joinpath("data", "kinds.toml").read_text("utf-8")), Kinds)
