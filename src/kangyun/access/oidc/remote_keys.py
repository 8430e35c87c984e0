"""Public keys of others, at an address that they gave: fetched through the guard, kept for a while.

A key id that is not among them has them fetched again, but not at once again: whoever makes up ids makes no calls.
"""

import time
from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from kangyun.access.outbound import Guard, Outbound
from kangyun.base.errors import Unavailable

LONGEST = 200_000  # bytes
KEPT = 600.0  # seconds
SOONEST = 30.0  # seconds between two calls for one address
MOST = 1000  # addresses


class RemoteKeys:
    """Keys by address. One for a process."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._outbound: Outbound | None = None  # Made when it is needed: most installations never call.
        self._found: dict[str, tuple[float, dict[str, ECKey | RSAKey]]] = {}

    async def key(self, url: str, kid: str) -> ECKey | RSAKey | None:
        """Returns the key of that id. Raises Unavailable, Forbidden, Invalid where they cannot be fetched."""
        fetched, keys = self._found.get(url, (0.0, {}))
        age = time.monotonic() - fetched
        if not fetched or age > KEPT or (kid not in keys and age > SOONEST):
            if len(self._found) > MOST:
                self._found.clear()
            self._found[url] = (time.monotonic(), keys)  # Also where it fails: not at once again.
            keys = keys_of(await self.document(url))
            self._found[url] = (time.monotonic(), keys)
        return keys.get(kid)

    async def document(self, url: str) -> Any:
        """Returns the JSON at an address. Raises Unavailable, Forbidden, Invalid."""
        if self._outbound is None:
            self._outbound = Outbound(self._guard)
        whole = b""
        async for piece in self._outbound.read(url):
            whole += piece
            if len(whole) > LONGEST:
                raise Unavailable("access.oidc.remote")
        try:
            return msgspec.json.decode(whole)
        except (msgspec.DecodeError, RecursionError):
            raise Unavailable("access.oidc.remote") from None

    def close(self) -> None:
        """Lets no more calls out."""
        if self._outbound is not None:
            self._outbound.close()


def keys_of(document: Any) -> dict[str, ECKey | RSAKey]:
    """Returns the asymmetric keys of a JWKS by their ids. Raises Unavailable for what is none."""
    try:
        keys = [one for one in document["keys"] if one.get("kty") in ("EC", "RSA") and one.get("use", "sig") == "sig"]
        return {one["kid"]: key for one, key in zip(keys, _imported(keys), strict=True) if one.get("kid")}
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise Unavailable("access.oidc.remote") from None


def _imported(keys: list[Any]) -> list[ECKey | RSAKey]:
    found = KeySet.import_key_set({"keys": keys}).keys if keys else []
    return [key for key in found if isinstance(key, ECKey | RSAKey)]
