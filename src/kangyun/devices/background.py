"""What devices need done beside requests, by `kangyun work`: each part declares its own, here they come together."""

from kangyun.access.work import Beside

BACKGROUND: tuple[Beside, ...] = ()
