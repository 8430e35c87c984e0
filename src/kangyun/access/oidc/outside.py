"""Tokens of an outside OpenID provider, where a setting names one: verified, and what they claim in our words.

Which claim says what, which of its roles is which of ours and which of its institutions is which Organization stands
in a file that the region writes; what it does not name opens nothing. A claim is not an admission: whether who is
named may act in that role is for the register of identities to say (`access.signin`).

    [claims]            # by default: sub, name, roles, org, fhirUser, patients
    role = "realm_access.roles"
    [roles]
    "physician" = "doctor"
    [institutions]
    "H001" = "Organization/h001"
    [factors]           # by default no token tells of a second factor
    claim = "amr"
    values = ["otp", "hwk"]

Source: OpenID Connect Discovery 1.0, RFC 8725
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from kangyun.access.actor import Actor
from kangyun.access.identities.model import ROLES
from kangyun.access.oidc import tokens
from kangyun.access.oidc.remote_keys import RemoteKeys
from kangyun.access.oidc.tokens import Claims, NotValid
from kangyun.base.errors import Invalid, Unavailable

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384")
DISCOVERY = "/.well-known/openid-configuration"
_REFERENCE = re.compile(r"(Practitioner|PractitionerRole|Patient|RelatedPerson|Person|Device)/[A-Za-z0-9\-.]{1,64}")


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which claim says what; a dot leads into an object."""

    subject: str = "sub"
    name: str = "name"
    role: str = "roles"
    institution: str = "org"
    reference: str = "fhirUser"
    patients: str = "patients"


class Proofs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which claim says that a second factor was passed, and with which of its values. By default none does."""

    claim: str = ""
    values: tuple[str, ...] = ()


class RegionsMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    claims: Names = Names()
    roles: dict[str, str] = {}
    institutions: dict[str, str] = {}
    factors: Proofs = Proofs()


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who a token says that somebody is, in which role. factor: the provider asked for a second one."""

    actor: Actor
    expires: float  # seconds since 1970
    factor: bool


class Outside:
    """The outside provider of an installation."""

    def __init__(self, issuer: str, audience: str, mapping: RegionsMapping, remote: RemoteKeys) -> None:
        self.issuer = issuer
        self._audience = audience
        self._mapping = mapping
        self._remote = remote
        self._keys_at = ""

    async def read(self, token: str) -> Claimed:
        """Returns what a token claims. Raises NotValid, Unavailable where its keys cannot be had."""
        kid, _ = tokens.header_of(token)
        if not self._keys_at:
            self._keys_at = await self._discovered()
        key = await self._remote.key(self._keys_at, kid)
        claims = tokens.verified(token, key, ALGORITHMS)
        expires = tokens.check(claims, issuer=self.issuer, audience=[self._audience])
        proofs = self._mapping.factors
        factor = bool(proofs.claim) and not set(proofs.values).isdisjoint(_texts(claims, proofs.claim))
        return Claimed(self._mapped(claims, factor), expires, factor)

    async def _discovered(self) -> str:
        found = await self._remote.document(self.issuer.rstrip("/") + DISCOVERY)
        if not isinstance(found, dict) or found.get("issuer") != self.issuer:
            raise Unavailable("access.oidc.remote")
        keys_at = found.get("jwks_uri")
        if not isinstance(keys_at, str):
            raise Unavailable("access.oidc.remote")
        return keys_at

    def _mapped(self, claims: Claims, factor: bool) -> Actor:
        names = self._mapping.claims
        subject = _text(claims, names.subject)
        roles = {self._mapping.roles[one] for one in _texts(claims, names.role) if one in self._mapping.roles}
        institution = self._mapping.institutions.get(_text(claims, names.institution), "")
        # One role a session, as with our own: a token that stands for several is not taken for any.
        if not subject or not institution or len(roles) != 1:
            raise NotValid
        (role,) = roles
        reference = _text(claims, names.reference)
        match = re.search(rf"(?:^|/)({_REFERENCE.pattern})$", reference)
        if match is None:  # A name of its own, which is no resource and says nothing of who it is.
            reference = f"Person/outside-{hashlib.sha256(f'{self.issuer} {subject}'.encode()).hexdigest()[:32]}"
        else:
            reference = match[1]
        patients = tuple(_texts(claims, names.patients)) if role in ("resident", "guardian") else ()
        if role == "resident" and reference.startswith("Patient/"):
            patients = (reference.partition("/")[2], *patients)
        return Actor(
            reference, _text(claims, names.name) or reference, institution, ROLES[role][1], role=role,
            patients=tuple(dict.fromkeys(patients)), present=factor,
        )  # fmt: skip


def read_mapping(file: Path) -> RegionsMapping:
    """Reads the file. Raises Invalid, naming the place."""
    try:
        found = msgspec.convert(tomllib.loads(file.read_text("utf-8")), RegionsMapping)
    except msgspec.ValidationError as error:
        place = str(error).rpartition("`$")[2].strip("`.") or "-"
        raise Invalid("access.oidc.wrong-mapping", file=str(file), place=place) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid("access.oidc.wrong-mapping", file=str(file), place=type(error).__name__) from None
    unknown = sorted(set(found.roles.values()) - set(ROLES))
    if unknown:
        raise Invalid("access.oidc.wrong-mapping", file=str(file), place=f"roles: {unknown[0]}")
    return found


def _at(claims: Mapping[str, Any], path: str) -> Any:
    if path in claims:  # Names of claims may be addresses, with dots.
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _text(claims: Claims, path: str) -> str:
    found = _at(claims, path)
    return found if isinstance(found, str) else ""


def _texts(claims: Claims, path: str) -> list[str]:
    found = _at(claims, path)
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, str)]
