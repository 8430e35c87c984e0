"""SM2 USB keys by their vendors' local services: what the page is given, and what is signed.

The key hangs on the person's own computer; the browser calls the vendor's service at 127.0.0.1, which asks for the PIN.
The platform calls nothing. It gives a text that is good once and names this site and this challenge, so that what was
signed for another site or another time proves nothing here. The vendors are data: `data/usb_keys.toml`.

Source: GM/T 0016-2012 (application interface of the key); the local services are each vendor's own.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from kangyun.access.factors.sm2 import Encoding, Form
from kangyun.base.errors import Invalid


class Vendor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a vendor's local service is asked, and in what form it answers."""

    name: str
    url: str
    method: Literal["GET", "POST"]
    body: str
    message_encoding: Encoding
    signature: str
    certificate: str
    form: Form
    encoding: Encoding


def read_vendors(table: Mapping[str, Any]) -> dict[str, Vendor]:
    """Returns the vendors of the file. Raises Invalid for a table that cannot be, and for a service elsewhere."""
    try:
        vendors = msgspec.convert(table.get("vendor", {}), dict[str, Vendor])
    except msgspec.ValidationError:
        raise Invalid("access.wrong-rules", file="usb_keys.toml") from None
    for vendor in vendors.values():
        if not vendor.url.startswith(LOCAL):
            raise Invalid("access.wrong-rules", file="usb_keys.toml")
    return vendors


LOCAL = ("http://127.0.0.1:", "https://127.0.0.1:", "http://localhost:", "https://localhost:")


def message_of(origin: str, challenge: str, nonce: bytes) -> bytes:
    """Returns what is signed: whose site, which challenge, and a number that nobody knew before."""
    return f"kangyun-factor\n{origin}\n{challenge}\n{nonce.hex()}".encode()


def asked(vendors: Mapping[str, Vendor], message: bytes) -> dict[str, Any]:
    """Returns what the page needs to ask any of the vendors' services."""
    encoded = {"base64": b64encode(message).decode(), "hex": message.hex()}
    return {
        "vendors": [
            {
                "id": id_, "name": vendor.name, "method": vendor.method,
                "url": vendor.url.replace("{message}", encoded[vendor.message_encoding]),
                "body": vendor.body.replace("{message}", encoded[vendor.message_encoding]),
                "signature": vendor.signature, "certificate": vendor.certificate,
            }
            for id_, vendor in vendors.items()
        ]
    }  # fmt: skip
