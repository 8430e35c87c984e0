"""What China's standards name: code systems and their codes, maps, administrative divisions, numbers of institutions.

`systems` is the one table of code systems with their canonical names; `codes` and `maps` give the lists that may be
shipped as FHIR resources; `divisions` knows the administrative divisions to the village, present and abolished;
`institution_codes` reads the numbers that institutions carry. Pure: data beside the code, no clock, no network.

Facts were taken over from public programs and pages, never from a standard's own text: each row says how sure it is.
"""

from kangyun.fhir.china.systems import System, canonical, edition, normalised, system, systems

__all__ = ["System", "canonical", "edition", "normalised", "system", "systems"]
