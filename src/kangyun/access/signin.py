"""The sign-in of this first form: the administrator's token by setting, and the demo's accounts.

A demo account's password is drawn when a demonstration is first started and kept in its data folder; outside of a
demonstration there are none. The OpenID provider, second factors and registers are another issue.
"""

import contextlib
import hmac
import os
import secrets
import time
from pathlib import Path

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from kangyun.access.actor import Actor
from kangyun.base.crypto import derived_key
from kangyun.base.errors import SignInNeeded

LASTS = 8 * 3600  # seconds
ADMINISTRATOR = Actor("Device/administrator", "管理员", "Organization/platform", "SYSADMIN", administrator=True)


class Account(msgspec.Struct, frozen=True):
    """A demo account."""

    user: str
    password: str
    name: str
    reference: str
    institution: str
    purpose: str
    administrator: bool = False


DEMO_ROLES = (
    ("admin", "演示管理员", "Device/demo-admin", "Organization/platform", "SYSADMIN", True),
    ("doctor", "演示医生", "Practitioner/demo-doctor", "Organization/demo-hospital", "TREAT", False),
    ("resident", "演示居民", "Patient/demo-resident", "Organization/platform", "PATRQT", False),
)


def demo_accounts(file: Path) -> list[Account]:
    """Returns the demo's accounts, drawing their passwords on first use."""
    if not file.exists():
        made = [
            Account(user, f"{user}-{secrets.token_hex(4)}", name, reference, institution, purpose, administrator)
            for user, name, reference, institution, purpose, administrator in DEMO_ROLES
        ]
        fresh = file.with_suffix(f".{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as sink:
            sink.write(msgspec.json.encode(made))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, file)  # Whole, and by the first of the processes that start at once.
        fresh.unlink()
    return msgspec.json.decode(file.read_bytes(), type=list[Account])


class SignIn:
    """Turns credentials into actors. One for a process."""

    def __init__(self, key: bytes, admin_token: str, accounts: list[Account]) -> None:
        self._key = OctKey.import_key(derived_key(key, "sign-in", 32))
        self._admin_token = admin_token.encode()
        self._accounts = {account.user: account for account in accounts}
        self._known: dict[str, tuple[float, Actor]] = {}

    def sign_in(self, user: str, password: str) -> str:
        """Returns a bearer token. Raises SignInNeeded for a wrong user or password."""
        account = self._accounts.get(user)
        right = hmac.compare_digest((account.password if account else secrets.token_hex()).encode(), password.encode())
        if account is None or not right:
            raise SignInNeeded("access.wrong-sign-in")
        claims = {"sub": account.user, "exp": int(time.time()) + LASTS, "iss": "kangyun"}
        return jwt.encode({"alg": "HS256"}, claims, self._key)

    def actor(self, token: str) -> Actor:
        """Returns who a bearer token is of. Raises SignInNeeded for one that is not, or no longer, valid."""
        if self._admin_token and hmac.compare_digest(token.encode(), self._admin_token):
            return ADMINISTRATOR
        found = self._known.get(token)
        if found is None or found[0] < time.time():
            found = self._verified(token)
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[token] = found
        return found[1]

    def _verified(self, token: str) -> tuple[float, Actor]:
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"]).claims
            account = self._accounts[claims["sub"]]
            expires = float(claims["exp"])
        except (JoseError, ValueError, KeyError, TypeError):
            raise SignInNeeded("access.token-not-valid") from None
        if expires < time.time():
            raise SignInNeeded("access.token-not-valid")
        actor = Actor(account.reference, account.name, account.institution, account.purpose, account.administrator)
        return expires, actor
