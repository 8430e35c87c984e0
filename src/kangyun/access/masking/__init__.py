"""Persons as they are shown until somebody opens them with a reason: enough to tell who is meant, not enough to know.

`masked(resource)` returns a resource with names, numbers, telephones and addresses masked, and what is about no person
as it was. `texts.py` has the rules for one value, `data/masking.toml` how much of it is shown. It decides nothing: who
is shown persons masked, and until when, is the policy's. What was masked says so in `meta`, so that nobody writes it
back: `is_masked`, and `masked_place` says where.

Not masked: free text that people wrote (a note, an answer, a conclusion) may name a person; narratives are left out.

Source: the mark is ObservationValue MASKED, http://terminology.hl7.org/CodeSystem/v3-ObservationValue, and SUBSETTED,
https://hl7.org/fhir/R4/search.html#elements.
"""

from kangyun.access.masking.looking import may_name_persons
from kangyun.access.masking.resources import is_masked, masked, masked_place
from kangyun.access.masking.texts import mask_email, mask_name, mask_number, mask_phone

__all__ = [
    "is_masked",
    "mask_email",
    "mask_name",
    "mask_number",
    "mask_phone",
    "masked",
    "masked_place",
    "may_name_persons",
]
