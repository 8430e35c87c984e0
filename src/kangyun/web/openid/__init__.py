"""The OpenID provider over HTTP: its endpoints, and the pages on which a person signs in and consents."""

from kangyun.web.openid.routes import Openid

__all__ = ["Openid"]
