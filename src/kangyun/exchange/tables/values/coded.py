"""Codes of China's lists, with their names beside them or in their place.

A code column may hold the name, and a name column the code. They are put right where each is valid in the other's
place, and that is told. Where both are valid and contradict, neither wins. Which list a column has is the mapping's to
say, never its name's.

Source: `kangyun.fhir.china.codes`.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from kangyun.exchange.tables.values.cells import Unfit, answer, said
from kangyun.fhir.china import codes
from kangyun.fhir.china.systems import systems


class List(NamedTuple):
    """A list of codes. complete: whether a code that is not in it is none. names: code -> name."""

    system: str
    complete: bool
    names: Mapping[str, str]


class Coded(NamedTuple):
    """A code and its name, both empty where the cells say nothing. found: what was put right, as a text."""

    code: str
    name: str
    found: str = ""


@cache
def list_of(id_: str) -> List:
    """Returns a list by its id in `fhir/china/data`. Raises KeyError for an unknown one."""
    system = next((one for one in systems().values() if one.list == id_), None)
    resource = None if system is None else codes.code_system(system.name)
    if system is None or resource is None:
        raise KeyError(id_)
    names = {concept["code"]: concept["display"] for concept in resource["concept"]}
    return List(system.name, system.content == "complete", names)


def is_list(id_: str) -> bool:
    """Whether there is a list of this id."""
    return any(one.list == id_ and codes.code_system(one.name) for one in systems().values())


@lru_cache(8192)
def coded(id_: str, cell: str, name_cell: str = "") -> Coded:
    """Returns what a column of codes, and of names beside it, say by a list. Raises Unfit for what is not of it."""
    list_, code = list_of(id_), said(cell)
    written = answer(name_cell)
    if not code and not said(name_cell):
        return Coded("", "")
    by_code, by_name = _code(list_, code), _named(id_, said(cell))
    said_name, swapped = _named(id_, said(name_cell)), _code(list_, said(name_cell))
    if by_code:
        if (said_name or swapped or by_code) != by_code:
            raise Unfit("code-contradicts-name", list=title(id_))
        found = "code-mended" if by_code != code else "code-for-name" if swapped else ""
        return Coded(by_code, list_.names[by_code], found)
    if by_name:
        if swapped and swapped != by_name:
            raise Unfit("code-contradicts-name", list=title(id_))
        return Coded(by_name, list_.names[by_name], "code-and-name-swapped" if swapped else "name-for-code")
    if not code and said_name:
        return Coded(said_name, list_.names[said_name], "name-for-code")
    if list_.complete or not code:
        raise Unfit("code-unknown", list=title(id_))
    return Coded(code, written)


def title(id_: str) -> str:
    """Returns how a list is called, with its standard."""
    system = systems()[list_of(id_).system]
    return f"{system.zh} {system.standard}".strip()


def _code(list_: List, text: str) -> str:
    """Returns the code of the list that a text is; a 0 that Excel took from a list of two digits is put back."""
    if text in list_.names:
        return text
    padded = text.zfill(2) if text.isascii() and text.isdecimal() else text
    return padded if padded in list_.names and len(text) < len(padded) else ""


@lru_cache(4096)
def _named(id_: str, text: str) -> str:
    """Returns the code of a name: as the list has it, or the one name that begins so."""
    if not text or text.isascii():
        return ""
    names = list_of(id_).names
    exact = [code for code, name in names.items() if name == text]
    begun = exact or [code for code, name in names.items() if name.startswith(text)]
    return begun[0] if len(begun) == 1 else ""
