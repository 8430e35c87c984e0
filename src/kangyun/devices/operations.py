"""The operations of devices, series and alarms: each part declares its own, here they come together."""

from kangyun.access.operations import Operation

DEVICE_OPERATIONS: tuple[Operation, ...] = ()
