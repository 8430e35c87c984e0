"""What an app imports: its declaration, the record as it sees it, the types of what its operations take and give.

`App` is the declaration, `Record` the record within it. `catalog` finds the apps; none is registered anywhere.
"""

from kangyun.access.apps.model import App, Changed, Installed, Operation, Query, Reaction, Schedule
from kangyun.access.apps.parameters import (
    Code,
    CodeableConcept,
    Coding,
    Identifier,
    Instant,
    Reference,
    Uri,
)
from kangyun.access.apps.presence import Named, Shown
from kangyun.access.apps.record import Record

__all__ = [
    "App",
    "Changed",
    "Code",
    "CodeableConcept",
    "Coding",
    "Identifier",
    "Installed",
    "Instant",
    "Named",
    "Operation",
    "Query",
    "Reaction",
    "Record",
    "Reference",
    "Schedule",
    "Shown",
    "Uri",
]
