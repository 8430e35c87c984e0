"""WeChat messages by template: of the region's official account, or of its mini program, to who has subscribed there.

To the official account the key goes along as `client_msg_id`: WeChat takes a message under it once within ten minutes,
so what may have left is sent again within them, and whether it arrived comes back as an event
(`TEMPLATESENDJOBFINISH`). A mini program's message has neither. An openid is good for the application in which it was
bound: that of the residents' sign-in (KANGYUN_WECHAT_APP).

Source: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html,
https://developers.weixin.qq.com/doc/offiaccount/Getting_Started/Global_Return_Code.html,
https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-message-management/subscribe-message/sendMessage.html
The numbers of the codes are from memory of these pages (unverified).
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec

from kangyun.access.messages.outbox.channels.calls import ask
from kangyun.access.messages.outbox.sending import Failed, Parcel, Refused, Sent, Throttled, Unknown
from kangyun.access.outbound import Outbound

STALE = frozenset({40001, 40014, 42001})
"""The access token is no longer good: another is asked for, once."""
BUSY = {-1: 5.0, 45009: 3600.0, 45011: 60.0, 50002: 600.0}
"""Try later: after so many seconds (our choice). 45009 is the day's quota."""
EARLY = 300.0  # seconds before its end that a token is given up
LONGEST_FIELD = 20  # characters of a `thing`


class _Token(msgspec.Struct):
    access_token: str = ""
    expires_in: float = 0.0
    errcode: int = 0


class _Answer(msgspec.Struct):
    errcode: int = 0
    msgid: int | str | None = None


@dataclass(slots=True)
class WeChat:
    """The official account, or the mini program (`mini`)."""

    outbound: Outbound
    url: str
    app: str
    secret: str = field(repr=False)
    rate: float = 0.0
    mini: bool = False
    _token: str = field(default="", repr=False)
    _until: float = 0.0
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def dedupes(self) -> bool:
        return not self.mini

    @property
    def receipts(self) -> bool:
        return not self.mini

    async def send(self, parcel: Parcel) -> Sent:
        """Sends a message to an openid."""
        message: dict[str, Any] = {
            "touser": parcel.address, "template_id": parcel.template,
            "data": {name: {"value": value[:LONGEST_FIELD]} for name, value in parcel.fields},
        }  # fmt: skip
        if not self.mini:
            message |= {"client_msg_id": parcel.key[:64], "url": parcel.link}
        token = await self._access_token("")
        answer = await self._post(token, message)
        if answer.errcode in STALE:
            answer = await self._post(await self._access_token(token), message)
        if answer.errcode:
            _refuse(answer.errcode)
        return Sent(None if answer.msgid is None else str(answer.msgid))

    async def _post(self, token: str, message: dict[str, Any]) -> _Answer:
        kind = "subscribe" if self.mini else "template"
        url = f"{self.url}/cgi-bin/message/{kind}/send?access_token={token}"
        body = await ask(self.outbound, url, {"content-type": "application/json"}, msgspec.json.encode(message))
        try:
            return msgspec.json.decode(body, type=_Answer)
        except msgspec.DecodeError:
            raise Unknown("not-readable") from None

    async def _access_token(self, stale: str) -> str:
        """Returns the access token, another one than `stale`: one for all, asked for by one."""
        async with self._asking:
            if self._token and self._token != stale and time.monotonic() < self._until:
                return self._token
            asked: dict[str, Any] = {"grant_type": "client_credential", "appid": self.app, "secret": self.secret}
            if stale:
                asked["force_refresh"] = True
            url, headers = f"{self.url}/cgi-bin/stable_token", {"content-type": "application/json"}
            try:
                answer = msgspec.json.decode(
                    await ask(self.outbound, url, headers, msgspec.json.encode(asked)), type=_Token
                )
            except (Unknown, msgspec.DecodeError):  # Nothing of the message has left.
                raise Failed("no-token") from None
            if answer.errcode or not answer.access_token:
                raise Failed(f"token-{answer.errcode}")
            self._token, self._until = answer.access_token, time.monotonic() + answer.expires_in - EARLY
            return self._token


def _refuse(code: int) -> NoReturn:
    if code in BUSY:
        raise Throttled(str(code), BUSY[code])
    raise Refused(str(code))
