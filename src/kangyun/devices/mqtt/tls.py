"""The TLS side of the listener: its certificate, and whose certificates devices may show. Showing one is not asked for.

A device's certificate is trusted because the register knows it or its authority (`Credentials.anchors`); the handshake
proves that the device has its key, and `Credentials.by_certificate` says which device it is, now.
"""

import logging
import ssl
from collections.abc import Sequence
from pathlib import Path

from kangyun.base.errors import Invalid
from kangyun.devices.register.credentials import pem_of

logger = logging.getLogger(__name__)


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Returns the context. Raises Invalid for files that are none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    # A certificate that is known by itself is trusted, whoever signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # A device that comes again does without half of the handshake; nobody need keep its session for that.
    context.num_tickets = 1
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError):
        raise Invalid("devices.mqtt.certificate") from None
    return context


def trust(context: ssl.SSLContext, anchors: Sequence[bytes]) -> None:
    """Trusts more certificates (DER). What is trusted no more still proves nothing: the register is asked each time."""
    for one in anchors:
        try:
            context.load_verify_locations(cadata=pem_of([one]))
        except (ssl.SSLError, ValueError) as error:
            # One that cannot be read keeps out its own devices, and nobody else's.
            logger.warning("mqtt: a certificate is not trusted: %s", type(error).__name__)
