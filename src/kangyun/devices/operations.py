"""The operations of devices, series and alarms: each part declares its own, here they come together."""

from kangyun.access.kept import Kept
from kangyun.access.operations import Operation
from kangyun.devices import formats
from kangyun.devices.alarms.desk import DESK
from kangyun.devices.alarms.duty_desk import ROSTER
from kangyun.devices.doors.calling import CALLING_OPERATIONS
from kangyun.devices.doors.typed import TYPED_OPERATIONS
from kangyun.devices.register.operations import register_operations
from kangyun.devices.series.operations import SERIES_OPERATIONS
from kangyun.devices.series.samples import Samples
from kangyun.devices.signals.operations import SIGNAL_OPERATIONS

DEVICE_OPERATIONS: tuple[Operation, ...] = (
    *SERIES_OPERATIONS,
    *SIGNAL_OPERATIONS,
    *TYPED_OPERATIONS,
    *CALLING_OPERATIONS,
    *register_operations(lambda record: Samples(Kept(record.store)), formats.names),
    *DESK,
    *ROSTER,
)
