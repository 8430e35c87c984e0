"""The log of what devices send: on disk before it is acknowledged, read again until it was taken in.

It knows nothing of what a payload says; `model.Lane` alone says which of three queues a record waits in. A writer is a
process that takes from devices (the listener, a web process), the reader is the intake. Two makers, by the setting
`device_log`: files in a folder (`writing`, `reading`; their form is `frames`), and JetStream.
"""

from kangyun.devices.log.model import Batch, Behind, Damage, LogReader, LogWriter, Record
from kangyun.devices.log.opening import open_reader, open_writer

__all__ = ["Batch", "Behind", "Damage", "LogReader", "LogWriter", "Record", "open_reader", "open_writer"]
