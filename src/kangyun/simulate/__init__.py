"""A synthetic district: residents, institutions and what they write. Deterministic by seed.

`district()` gives FHIR R4 transaction bundles: first the institutions, then one bundle a resident. The same seed
gives the same resources, and asking for more residents does not change the first ones. Every resource carries a tag
that says 演示数据 and the security label HTEST; ID numbers stand under a division that does not exist.
Pure: no I/O but its own tables, no clock. It does not imitate hospital interfaces, errors or devices: another issue.
The numbers are in `data/`, their origin in `data/SOURCE.md`.
"""

from kangyun.simulate.district import Bundle, district

__all__ = ["Bundle", "district"]
