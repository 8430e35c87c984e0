"""The keys of a gateway: the one that it proves itself by, the one that its queue is sealed by, and its passwords.

Three files of mode 0600 in the gateway's folder. A password stands in no clear text, but who can read both `queue.key`
and `secrets` can read it: the machine's own accounts keep them apart from others (docs/gateway.md says how on Windows).

Source: RFC 7517 (JWK), RFC 7518 3.4 (ES384), RFC 7523 (assertions).
"""

import base64
import hashlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from kangyun.base.crypto.sealing import KEY_BYTES, Sealer
from kangyun.base.errors import Invalid

QUEUE_KEY, CLIENT_KEY, PUBLIC, SECRETS = "queue.key", "client.key", "public.json", "secrets"
ALGORITHM = "ES384"
_NUMBER = 48  # bytes of one number of a signature
_LASTS = 120  # seconds that an assertion is good for


def sealer(folder: Path) -> Sealer:
    """Returns what seals the queue and the passwords; its key is made where there is none."""
    path = folder / QUEUE_KEY
    if not path.exists():
        write_private(path, secrets.token_bytes(KEY_BYTES))
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise Invalid("exchange.gateway.wrong-key", file=QUEUE_KEY)
    return Sealer(key, "sm4")


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that only its owner reads, in one step."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(fresh, path)


def passwords(folder: Path) -> dict[str, str]:
    """Returns the passwords of the sources, by their names."""
    path = folder / SECRETS
    if not path.exists():
        return {}
    found: dict[str, str] = json.loads(sealer(folder).open(path.read_bytes(), SECRETS.encode()))
    return found


def keep_password(folder: Path, name: str, password: str) -> None:
    """Keeps the password of a source."""
    told = json.dumps(passwords(folder) | {name: password}, ensure_ascii=False).encode()
    write_private(folder / SECRETS, sealer(folder).seal(told, SECRETS.encode()))


class ClientKey:
    """The key that the gateway proves itself by, and signs batch files with."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.jwk = _jwk(key.public_key())

    @property
    def id(self) -> str:
        """By which the centre finds the public key: its thumbprint (RFC 7638)."""
        return str(self.jwk["kid"])

    def sign(self, message: bytes) -> bytes:
        """Returns a signature as ES384 writes it."""
        first, second = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA384())))
        return first.to_bytes(_NUMBER, "big") + second.to_bytes(_NUMBER, "big")

    def assertion(self, client: str, audience: str) -> str:
        """Returns what proves once that we are this client."""
        head = {"alg": ALGORITHM, "kid": self.id, "typ": "JWT"}
        ends = int(time.time()) + _LASTS
        said = {"iss": client, "sub": client, "aud": audience, "exp": ends, "jti": secrets.token_hex(16)}
        told = ".".join(encoded(json.dumps(part).encode()) for part in (head, said))
        return f"{told}.{encoded(self.sign(told.encode()))}"


def client_key(folder: Path) -> ClientKey:
    """Returns the gateway's key; it is made where there is none, and its public half written for the centre."""
    path = folder / CLIENT_KEY
    if not path.exists():
        made = ec.generate_private_key(ec.SECP384R1())
        pem = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(path, pem)
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP384R1):
        raise Invalid("exchange.gateway.wrong-key", file=CLIENT_KEY)
    found = ClientKey(key)
    (folder / PUBLIC).write_text(json.dumps({"keys": [found.jwk]}, indent=2), "utf-8")
    return found


def is_signed(message: bytes, signature: bytes, jwk: dict[str, Any]) -> bool:
    """Whether a signature is of a message, by a public key as it is registered."""
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-384" or len(signature) != 2 * _NUMBER:
        return False
    try:
        numbers = ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), ec.SECP384R1())
        der = encode_dss_signature(
            int.from_bytes(signature[:_NUMBER], "big"), int.from_bytes(signature[_NUMBER:], "big")
        )
        numbers.public_key().verify(der, message, ec.ECDSA(hashes.SHA384()))
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return True


def encoded(part: bytes) -> str:
    """Returns bytes as JOSE writes them."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _jwk(key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    numbers = key.public_numbers()
    x, y = (encoded(number.to_bytes(_NUMBER, "big")) for number in (numbers.x, numbers.y))
    told = json.dumps({"crv": "P-384", "kty": "EC", "x": x, "y": y}, separators=(",", ":"), sort_keys=True)
    kid = encoded(hashlib.sha256(told.encode()).digest())
    return {"kty": "EC", "crv": "P-384", "x": x, "y": y, "kid": kid, "alg": ALGORITHM, "use": "sig"}


def _number(written: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(written + "=" * (-len(written) % 4)), "big")
