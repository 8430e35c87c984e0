"""JSON Web Tokens: what must be true of one before a claim of it is believed.

The algorithm is ours to choose and not the token's: it is one of those that the caller allows, and the key is one that
the caller found by its id, which is nothing but a name (no path, no address). Keys and addresses in a token's header
(jwk, jku, x5u) are not looked at.

Source: RFC 8725 (best current practices), RFC 9068 (JWT profile of access tokens), RFC 7523 (assertions).
"""

import binascii
import time
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from kangyun.base.errors import SignInNeeded

LONGEST = 8_000  # characters
LONGEST_KID = 200
SKEW = 5  # seconds by which clocks of others may be ahead
Claims = dict[str, Any]


class NotValid(SignInNeeded):
    """A token that is none, or not from whom it should be, or over."""

    default_text = "access.token-not-valid"


def header_of(token: str) -> tuple[str, str]:
    """Returns key id and algorithm that a token names, not believed yet. Raises NotValid."""
    header = _part(token, 0)
    kid, algorithm = header.get("kid", ""), header.get("alg")
    if not isinstance(kid, str) or not isinstance(algorithm, str) or len(kid) > LONGEST_KID or "crit" in header:
        raise NotValid
    return kid, algorithm


def unverified(token: str) -> Claims:
    """Returns what a token says, to find out whose it claims to be. Raises NotValid."""
    return _part(token, 1)


def verified(token: str, key: ECKey | RSAKey | None, algorithms: Sequence[str], *, types: Sequence[str] = ()) -> Claims:
    """Returns the claims of a token that was signed by that key. Raises NotValid."""
    if key is None or header_of(token)[1] not in algorithms:
        raise NotValid
    try:
        found = jwt.decode(token, key, algorithms=list(algorithms))
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise NotValid from None
    if types and str(found.header.get("typ", "")).lower() not in types:
        raise NotValid
    return found.claims


def check(claims: Claims, *, issuer: str, audience: Sequence[str], now: float | None = None) -> float:
    """Returns the instant at which a token is over, in seconds since 1970. Raises NotValid."""
    now = time.time() if now is None else now
    aud = claims.get("aud")
    meant = aud if isinstance(aud, list) else [aud]
    if claims.get("iss") != issuer or not any(one in audience for one in meant):
        raise NotValid
    expires, begins, made = (claims.get(name) for name in ("exp", "nbf", "iat"))
    if _instant(expires) <= now:
        raise NotValid
    for one in (begins, made):
        if one is not None and _instant(one) > now + SKEW:
            raise NotValid
    return _instant(expires)


def _instant(value: object) -> float:
    """Returns a number of seconds since 1970. Raises NotValid for what is none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e11:
        raise NotValid
    return float(value)


def _part(token: str, place: int) -> Claims:
    parts = token.split(".") if len(token) <= LONGEST else []
    if len(parts) != 3:
        raise NotValid
    try:
        found = msgspec.json.decode(urlsafe_b64decode(parts[place] + "=" * (-len(parts[place]) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        raise NotValid from None
    if not isinstance(found, dict):
        raise NotValid
    return found
