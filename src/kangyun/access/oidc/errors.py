"""What is refused by the OAuth endpoints, by the names that RFC 6749 section 5.2 and OpenID Connect give it."""

from kangyun.base.errors import Issue, PlatformError


class Refused(PlatformError):
    """The authorization server refuses. `error` is the name for the client; the text is for people."""

    code = "invalid"
    default_text = "access.oidc.refused"

    def __init__(self, error: str, text: str = default_text, **parameters: str | int) -> None:
        super().__init__(issues=(Issue("error", self.code, text, None, parameters),))
        self.error = error


class WrongClient(Refused):
    """The client is not who it says, or may not be served."""

    code = "login"

    def __init__(self, text: str = "access.oidc.wrong-client") -> None:
        super().__init__("invalid_client", text)


class SentBack(Refused):
    """The error is told to the client by way of the browser: its address is known to be its own."""

    def __init__(self, error: str, redirect_uri: str, state: str) -> None:
        super().__init__(error)
        self.redirect_uri = redirect_uri
        self.state = state
