"""What devices need done beside requests, by `kangyun work`: each part declares its own, here they come together."""

from kangyun.access.work import Beside
from kangyun.devices.alarms.watching import keep_climbing
from kangyun.devices.doors.pushes import keep_forgetting_pushes
from kangyun.devices.series.background import SERIES_BACKGROUND

BACKGROUND: tuple[Beside, ...] = (
    keep_climbing,
    keep_forgetting_pushes,
    *SERIES_BACKGROUND,
)
