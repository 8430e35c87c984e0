"""A synthetic city: residents, institutions, their lives, and how institutions write them down. Deterministic by seed.

`City` gives it: whole lives as FHIR R4 transaction bundles, or registrations only, each with the truth of who is who;
`district()` is the demonstration, `elder()` who of it signs in as its resident. The same seed gives the same resources,
and asking for more residents does not change the first ones. Every resource carries a tag that says 演示数据 and the
security label HTEST; ID numbers stand under divisions that do not exist. Pure: no I/O but its own tables, no clock. It
does not imitate hospital interfaces or devices: another issue. The numbers are in `data/`, their origin in
`data/SOURCE.md`.
"""

from kangyun.simulate.bundle import Bundle
from kangyun.simulate.city import City, Lived
from kangyun.simulate.district import district, elder
from kangyun.simulate.register import Row, Trap, Traps, row
from kangyun.simulate.registrations import ErrorModel, Truth, error_model, models

__all__ = [
    "Bundle", "City", "ErrorModel", "Lived", "Row", "Trap", "Traps", "Truth",
    "district", "elder", "error_model", "models", "row",
]  # fmt: skip
