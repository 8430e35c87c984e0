"""WeChat: what a mini program's code is worth. The application of a region's hospital has its own AppID.

A code is good once and for five minutes, at WeChat; what comes back is the openid, which is this person for this
application and nothing else. The session key is not kept.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html
"""

import asyncio
import re
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

import msgspec

from kangyun.access.outbound import Guard, Outbound
from kangyun.base.errors import NotSupported, SignInNeeded, Unavailable
from kangyun.base.settings import Settings

LARGEST = 10_000  # bytes
PATIENCE = 10.0  # seconds
_CODE = re.compile(r"[A-Za-z0-9_-]{8,128}")


class _Answer(msgspec.Struct):
    openid: str = ""
    errcode: int = 0


class WeChat(Protocol):
    """Turns a code into an openid. Raises SignInNeeded for a code that WeChat does not take."""

    async def openid(self, code: object) -> str: ...


@dataclass(frozen=True, slots=True)
class MiniProgram:
    """The real one, at `url`, or what a region puts between."""

    outbound: Outbound
    url: str
    app: str
    secret: str

    async def openid(self, code: object) -> str:
        """Asks WeChat. Raises SignInNeeded, Unavailable."""
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise SignInNeeded("access.residents.wechat-code")
        query = {"appid": self.app, "secret": self.secret, "js_code": code, "grant_type": "authorization_code"}
        body = b""
        try:
            async with asyncio.timeout(PATIENCE):
                async with aclosing(self.outbound.read(f"{self.url}/sns/jscode2session?{urlencode(query)}")) as pieces:
                    async for piece in pieces:
                        body += piece
                        if len(body) > LARGEST:
                            raise Unavailable("access.residents.wechat")
            answer = msgspec.json.decode(body, type=_Answer)
        except (TimeoutError, msgspec.DecodeError):
            raise Unavailable("access.residents.wechat") from None
        if answer.errcode == BUSY:
            raise Unavailable("access.residents.wechat")
        if answer.errcode or not answer.openid:
            raise SignInNeeded("access.residents.wechat-code")
        return answer.openid


BUSY = -1


class NoWeChat:
    """Where no application is set."""

    async def openid(self, code: object) -> str:
        """Raises NotSupported."""
        raise NotSupported("access.residents.no-wechat")


def wechat_of(settings: Settings) -> WeChat:
    """Returns the WeChat of an installation."""
    if not settings.wechat_app:
        return NoWeChat()
    outbound = Outbound(Guard.of(settings.message_hosts, "KANGYUN_MESSAGE_HOSTS"))
    return MiniProgram(outbound, settings.wechat_url.rstrip("/"), settings.wechat_app, settings.wechat_secret)
