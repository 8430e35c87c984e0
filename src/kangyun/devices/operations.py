"""The operations of devices, series and alarms: each part declares its own, here they come together."""

from kangyun.access.operations import Operation
from kangyun.devices.series.operations import SERIES_OPERATIONS

DEVICE_OPERATIONS: tuple[Operation, ...] = (*SERIES_OPERATIONS,)
from kangyun.devices.register.operations import register_operations

DEVICE_OPERATIONS: tuple[Operation, ...] = (*register_operations(lambda record: None, lambda: ["plain"]),)
