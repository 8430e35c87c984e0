"""The channels by which a message leaves, an adaptor each; `installed` says which an installation has."""

from kangyun.access.messages.outbox.channels.providers import Installed, installed

__all__ = ["Installed", "installed"]
