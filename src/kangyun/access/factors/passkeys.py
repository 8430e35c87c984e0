"""Passkeys, by the `webauthn` library: what the browser is asked, and what its answer is worth.

An authenticator must verify its user (PIN, finger): a passkey that only lies on a desk is no factor of a person.

Source: Web Authentication Level 2, https://www.w3.org/TR/webauthn-2/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from kangyun.access.factors.model import NotProven

NAME = "康云 Kangyun"
MILLISECONDS = 300_000


@dataclass(frozen=True, slots=True)
class Site:
    """Whose passkeys these are: the host, and the origin of its pages."""

    host: str
    origin: str

    @classmethod
    def of(cls, base: str) -> "Site":
        """Makes it of the platform's base URL."""
        parts = urlsplit(base)
        return cls(parts.hostname or "", f"{parts.scheme}://{parts.netloc}")


def to_register(site: Site, challenge: bytes, user: bytes, name: str, known: Sequence[bytes]) -> dict[str, Any]:
    """Returns what `navigator.credentials.create` is asked. `known`: ids of passkeys that are enrolled."""
    import webauthn
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = webauthn.generate_registration_options(
        rp_id=site.host, rp_name=NAME, user_name=name, user_id=user, challenge=challenge, timeout=MILLISECONDS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            user_verification=UserVerificationRequirement.REQUIRED, resident_key=ResidentKeyRequirement.DISCOURAGED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
    )  # fmt: skip
    asked: dict[str, Any] = msgspec.json.decode(webauthn.options_to_json(options))
    return asked


def registered(site: Site, challenge: bytes, credential: Mapping[str, Any]) -> tuple[bytes, bytes, int]:
    """Returns id, public key and counter of a new passkey. Raises NotProven."""
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        done = webauthn.verify_registration_response(
            credential=dict(credential), expected_challenge=challenge, expected_rp_id=site.host,
            expected_origin=site.origin, require_user_verification=True,
        )  # fmt: skip
    except (WebAuthnException, *_ODD):
        raise NotProven from None
    return done.credential_id, done.credential_public_key, done.sign_count


def to_sign(site: Site, challenge: bytes, known: Sequence[bytes]) -> dict[str, Any]:
    """Returns what `navigator.credentials.get` is asked."""
    import webauthn
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor, UserVerificationRequirement

    options = webauthn.generate_authentication_options(
        rp_id=site.host, challenge=challenge, timeout=MILLISECONDS,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        user_verification=UserVerificationRequirement.REQUIRED,
    )  # fmt: skip
    asked: dict[str, Any] = msgspec.json.decode(webauthn.options_to_json(options))
    return asked


def signed(site: Site, challenge: bytes, credential: Mapping[str, Any], public_key: bytes, counter: int) -> int:
    """Returns the passkey's counter. Raises NotProven, also for a counter that went back: a copy of the passkey."""
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        done = webauthn.verify_authentication_response(
            credential=dict(credential), expected_challenge=challenge, expected_rp_id=site.host,
            expected_origin=site.origin, credential_public_key=public_key, credential_current_sign_count=counter,
            require_user_verification=True,
        )  # fmt: skip
    except (WebAuthnException, *_ODD):
        raise NotProven from None
    return done.new_sign_count


def id_of(credential: Mapping[str, Any]) -> bytes:
    """Returns the id of the passkey that answers. Raises NotProven."""
    from webauthn import base64url_to_bytes

    try:
        return bytes(base64url_to_bytes(str(credential["rawId"])))
    except (KeyError, *_ODD):
        raise NotProven from None


# What a parser of CBOR, ASN.1 and JSON raises of what a stranger made up, where the library lets it through.
_ODD = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
