"""Record linkage: how much two registrations speak for being of one person. Pure: no database, no FHIR, no clock.

A record is a mapping of fields to all values ever known; what the fields are, how they are compared and which keys
bring records together is data (`schema`). Weights are learnt from unlabelled records (`learning`) and kept as JSON
(`weights`); the same weights score one registration against its candidates (`scoring`) and serve a batch
(`blocking`, `clustering`). `docs/identity.md` tells the model in one page.

Source: Fellegi IP, Sunter AB. A theory for record linkage. J Am Stat Assoc 1969;64:1183-1210.
doi:10.1080/01621459.1969.10501049.
"""

from collections.abc import Mapping

Record = Mapping[str, tuple[str, ...]]
"""Field -> all values ever known, none where nothing is. Values are normalised by whoever makes the record."""
