"""People whose tokens are their names: for tests of what somebody may, not of how he signs in."""

from collections.abc import Mapping

import pytest

from kangyun.access.actor import Actor
from kangyun.access.signin import SignIn


def know(monkeypatch: pytest.MonkeyPatch, actors: Mapping[str, Actor]) -> None:
    """Takes these tokens for these actors, until the test ends; others are asked for as ever."""
    real, held = SignIn.actor, SignIn.hold

    async def actor(self: SignIn, token: str) -> Actor:
        return actors[token] if token in actors else await real(self, token)

    async def hold(self: SignIn, token: str) -> None:
        if token not in actors:
            await held(self, token)

    monkeypatch.setattr(SignIn, "actor", actor)
    monkeypatch.setattr(SignIn, "hold", hold)
