"""What readings mean for their owner: limits, personal rhythm, forecasts, warnings. Telling is for `devices.alarms`.

It makes no diagnosis: a reading at home only suspects, and a doctor confirms. It writes nothing into the record.
Every rule with its source and what it does not do: docs/devices/signals.md.
"""

from kangyun.devices.signals.model import NOBODY, Group, Level, Names, Reader, Rest, Warning

__all__ = ["NOBODY", "Group", "Level", "Names", "Reader", "Rest", "Warning"]
