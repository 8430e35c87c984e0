"""The table of names."""

import msgspec


class GivenBySex(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    first: str
    second: str
    single: str
    favourites: list[str]


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    until: int
    single: float
    male: GivenBySex
    female: GivenBySex


class People(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    people: str
    share: float
    own: float
    pattern: str
    male: list[tuple[str, str]]
    female: list[tuple[str, str]]


class Foreigners(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    share: float
    male: list[tuple[str, str]]
    female: list[tuple[str, str]]


class NameTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mothers_surname: float
    favourites: float
    rare: float
    unencoded: float
    shared_character: float
    like_father: float
    tail: float
    twins_alike: float
    surnames: dict[str, float]
    tails: dict[str, str]
    given: list[Given]
    peoples: list[People]
    foreigners: Foreigners
    rare_characters: dict[str, list[str]]
    unencoded_characters: dict[str, list[str]]
