"""Which terminology counts for all, of what institutions wrote under the same canonical URLs. Pure.

A URL belongs to the institution that wrote under it first, and to the authority (the platform's own institution) as
soon as it writes there; the specification's URLs are the authority's from the beginning. So nobody changes what
another's value set means to everybody's searches by writing a later version of it. Of the owner's resources with one
URL the last is meant where no version is named: active before others, then by version, then by time.

A CodeSystem claims the URL of the value set of all its codes as well; a supplement counts where its writer owns the
system that it supplements.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from kangyun.fhir import Resource
from kangyun.store.model import Stored

_RUN = re.compile(r"\d+|\D+")


class _Written(NamedTuple):
    institution: str
    rank: tuple[Any, ...]
    resource: Resource


class Canonicals:
    """What stands in the record. authority: an institution's reference, None: all are equal."""

    def __init__(self, of_specification: Callable[[str], bool], authority: str | None = None) -> None:
        self._of_specification = of_specification
        self._authority = authority
        self._written: dict[int, _Written] = {}
        self._claims: dict[str, dict[int, str]] = {}

    def take(self, res: int, institution: str, stored: Stored | None) -> frozenset[str]:
        """Takes in what was written, None for what is there no more. Returns URLs that may mean something else now."""
        touched = self._forget(res)
        resource = stored.resource if stored is not None else {}
        if stored is not None and isinstance(resource.get("url"), str):
            self._written[res] = _Written(institution, _rank(resource, stored), resource)
            for url in _claimed(resource):
                self._claims.setdefault(url, {})[res] = institution
                touched.add(url)
        others = {res for url in touched for res in self._claims.get(url, ())}
        return frozenset(touched.union(*(_named(self._written[res].resource) for res in others)))

    def counted(self, url: str) -> list[Resource]:
        """Returns the resources that count under a URL, the one that is meant where no version is named last."""
        found = [self._written[res] for res in self._claims.get(url, ())]
        found = [one for one in found if one.resource["url"] == url and self._counts(one)]
        return [self._own(one) for one in sorted(found, key=lambda one: one.rank)]

    def _forget(self, res: int) -> set[str]:
        former = self._written.pop(res, None)
        if former is None:
            return set()
        for url in _claimed(former.resource):
            self._claims[url].pop(res)
        return set(_named(former.resource))

    def _owner(self, url: str) -> str | None:
        claims = self._claims.get(url, {})
        if self._authority in claims.values() or self._of_specification(url):
            return self._authority
        return claims[min(claims)] if claims else self._authority

    def _counts(self, one: _Written) -> bool:
        if self._authority in (None, one.institution):
            return True
        supplemented = _supplemented(one.resource)
        owned = (one.resource["url"], *([supplemented] if supplemented else []))
        return all(self._owner(url) == one.institution for url in owned)

    def _own(self, one: _Written) -> Resource:
        """Without a value set that it names for all its codes, where that is another's."""
        all_codes = one.resource.get("valueSet")
        if self._authority in (None, one.institution) or not isinstance(all_codes, str):
            return one.resource
        return one.resource if self._owner(all_codes) == one.institution else _without_all_codes(one.resource)


def _claimed(resource: Resource) -> list[str]:
    """The URLs that a resource stands for itself."""
    names = [resource["url"]]
    if resource.get("resourceType") == "CodeSystem" and isinstance(resource.get("valueSet"), str):
        names.append(resource["valueSet"])
    return names


def _named(resource: Resource) -> list[str]:
    supplemented = _supplemented(resource)
    return [*_claimed(resource), *([supplemented] if supplemented else [])]


def _supplemented(resource: Resource) -> str | None:
    name = resource.get("supplements")
    return name.partition("|")[0] if resource.get("content") == "supplement" and isinstance(name, str) else None


def _without_all_codes(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name != "valueSet"}


def _rank(resource: Resource, stored: Stored) -> tuple[Any, ...]:
    version = [(run.isdigit(), int(run) if run.isdigit() else 0, run) for run in _RUN.findall(_text(resource))]
    return resource.get("status") == "active", version, stored.instant, stored.res


def _text(resource: Resource) -> str:
    version = resource.get("version")
    return version[:64] if isinstance(version, str) and version.isascii() else ""
