"""E-mail by SMTP, always under TLS: the public sentence and the link.

The standard library's client, in a thread. SMTP has no key: what was on its way when the connection broke may have been
taken, so it is not sent again. There is no receipt that can be relied on.

Source: RFC 5321, RFC 8314 (TLS from the first byte, port 465), RFC 3207 (STARTTLS)
"""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate

from kangyun.access.messages.outbox.sending import Failed, Parcel, Refused, Sent, Throttled, Unknown

PATIENCE = 20.0  # seconds
PASSING = 30.0  # seconds after an answer 4xx
SUBJECT = "健康提醒"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail server. starts: TLS begins by STARTTLS, not with the connection."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    starts: bool = False
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    dedupes: bool = False
    receipts: bool = False
    rate: float = 0.0

    async def send(self, parcel: Parcel) -> Sent:
        """Sends a mail."""
        return await asyncio.to_thread(self._send, parcel)

    def _send(self, parcel: Parcel) -> Sent:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.sender, parcel.address, SUBJECT
        mail["Date"] = formatdate(usegmt=True)
        name = f"<{parcel.key}@{self.sender.rpartition('@')[2]}>"
        mail["Message-ID"] = name
        mail.set_content(parcel.sentence)
        try:
            server = self._connected()
        except smtplib.SMTPAuthenticationError as error:
            raise Failed(str(error.smtp_code)) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Failed(type(error).__name__) from None
        try:
            server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            raise _answered(next(iter(error.recipients.values()))[0]) from None
        except smtplib.SMTPResponseException as error:
            raise _answered(error.smtp_code) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unknown(type(error).__name__) from None
        finally:
            server.close()
        return Sent(name)

    def _connected(self) -> smtplib.SMTP:
        server: smtplib.SMTP
        if self.starts:
            server = smtplib.SMTP(self.host, self.port, timeout=PATIENCE)
            server.starttls(context=self.context)
        else:
            server = smtplib.SMTP_SSL(self.host, self.port, timeout=PATIENCE, context=self.context)
        if self.user:
            server.login(self.user, self.password)
        return server


def _answered(code: int) -> Refused | Throttled:
    return Refused(str(code)) if code >= 500 else Throttled(str(code), PASSING)
