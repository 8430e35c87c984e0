"""The sentences of a message, for the app and for channels of other hands. Pure, but for reading the file.

A template has a sentence a role of reader and one for the public: that one leaves by SMS, voice, e-mail and WeChat, so
it has no variable but those that `data/outbox.toml` allows there, and none of the words that it forbids. A region's own
file that breaks this is refused when it is read.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

import msgspec

from kangyun.access.messages.outbox.model import Role
from kangyun.access.rulebook import rules_of, shipped_rules
from kangyun.base.errors import Invalid
from kangyun.base.texts import Language

FILE = "templates.toml"
ROLES: tuple[Role, ...] = ("resident", "family", "doctor", "desk")
UNSAID = "—"
"""Stands where a variable was not given: a sentence with a gap is better than none."""
URGENT = "urgent"
_PUBLIC = "public"
_PACKAGE = "kangyun.access.messages.outbox"
_NOW = "-now"
"""Ends the name of what is said in place of another template whose minutes are none."""


class Sms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template at the operator: its id, and our variables in the operator's order."""

    id: str
    variables: tuple[str, ...] = ()


class WeChat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template at WeChat: its id, and what stands in each of its fields."""

    id: str
    fields: dict[str, str] = {}


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence in both languages, and of the public one how it is called by others.

    red: the public one says enough of what is red; else that of `urgent` leaves in its place.
    """

    zh: str
    en: str
    sms: Sms | None = None
    wechat: WeChat | None = None
    red: bool = False


@dataclass(frozen=True, slots=True)
class Templates:
    """All templates: by name, then by role or `public`."""

    all: Mapping[str, Mapping[str, Words]]

    def has(self, template: str, role: Role) -> bool:
        """Whether there is a sentence for a role."""
        return role in self.all.get(template, {})

    def sentence(self, template: str, role: str, variables: Mapping[str, str], language: Language = "zh") -> str:
        """Returns what is said to a reader; `role` may be `public`."""
        words = self.all[self._now(template, role, variables)][role]
        return filled(words.zh if language == "zh" else words.en, variables)

    def public(self, template: str, variables: Mapping[str, str] | None = None, *, red: bool = False) -> Words:
        """Returns what leaves by other hands; of what is red that it is urgent, whatever it is about."""
        words = self.all[self._now(template, _PUBLIC, variables or {})][_PUBLIC]
        return self.all[URGENT][_PUBLIC] if red and not words.red and URGENT in self.all else words

    def _now(self, template: str, role: str, variables: Mapping[str, str]) -> str:
        """Returns the template that is said in place of one below its first minute, where there is one."""
        now = f"{template}{_NOW}"
        return now if variables.get("minutes") == "0" and role in self.all.get(now, {}) else template


def filled(sentence: str, variables: Mapping[str, str]) -> str:
    """Returns a sentence with its places filled."""
    return Formatter().vformat(sentence, (), _Given(variables))


def places(sentence: str) -> set[str]:
    """Returns the variables of a sentence."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def read_templates(data: Path, allowed: Collection[str], forbidden: Collection[str]) -> Templates:
    """Reads the templates of an installation; what a region's own file does not have is said as the platform says it:
    what came with a later version must not be said to nobody. Raises Invalid, naming the template.
    """
    shipped, all_ = _words(shipped_rules(_PACKAGE, FILE)), _words(rules_of(_PACKAGE, FILE, data))
    for name, words in all_.items():
        if _PUBLIC not in words or set(words) - {_PUBLIC, *ROLES} or not _is_public(words[_PUBLIC], allowed, forbidden):
            raise Invalid("access.messages.outbox.not-public", template=name)
    return Templates({name: shipped.get(name, {}) | all_.get(name, {}) for name in {**shipped, **all_}})


def _words(found: dict[str, Any]) -> dict[str, dict[str, Words]]:
    found.pop("edition", None)
    try:
        return msgspec.convert(found, dict[str, dict[str, Words]])
    except msgspec.ValidationError:
        raise Invalid("access.wrong-rules", file=FILE) from None


def _is_public(words: Words, allowed: Collection[str], forbidden: Collection[str]) -> bool:
    fields = tuple(words.wechat.fields.values()) if words.wechat else ()
    said = (words.zh, words.en, *fields)
    named = {*(words.sms.variables if words.sms else ()), *(place for one in said for place in places(one))}
    return named <= set(allowed) and not any(word in one for one in said for word in forbidden)


class _Given(dict[str, Any]):
    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)

    def __missing__(self, key: str) -> str:
        return UNSAID
