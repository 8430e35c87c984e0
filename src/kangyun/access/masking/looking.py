"""Whether a stored text may hold something that is masked: by one look at its bytes, and rather yes than no.

Most resources name nobody: their references are bare. Those are shown as they are stored, without being read.
It is held against `masked` by a test over all official examples.
"""

import re
from functools import cache

from kangyun.access.masking.resources import TYPED
from kangyun.access.masking.standing import PERSONS, personal

_ALWAYS = ("div", "contained", "resourceType", *PERSONS, *TYPED)
_PERSON = rb"(?:%s)" % "|".join(PERSONS).encode()
# References in a list of which each has an address: its type is looked at by another part.
_ADDRESSED = rb'\[(?:\{"reference":"[^"\\]*"(?:,"display":"[^"\\]*")?\},?)+\]'


def may_name_persons(type_: str, text: bytes) -> bool:
    """Whether masking could change a resource that is no person; its text without `resourceType`, as it is stored."""
    return _naming(type_).search(text) is not None


@cache
def _naming(type_: str) -> re.Pattern[bytes]:
    # `reference`, which is an element of its own in some types, is looked at wherever it stands.
    names = sorted(personal(type_) - {"reference"})
    first = "".join(sorted({name[0] for name in ("reference", "type", *_ALWAYS, *names)})).encode()
    return re.compile(
        # Escapes in which names could hide; most that is quoted begins with another letter and is passed over by that.
        rb'\\u|"(?=[' + first + rb"])(?:"
        # Narratives, resources within it, what is a person's by its datatype, types of references.
        rb"(?:" + "|".join(_ALWAYS).encode() + rb')"|type":"[^"]*/' + _PERSON + rb'"'
        # A reference that is not bare, to what may be a person.
        rb'|reference"(?!:"(?!' + _PERSON + rb'/)[A-Z][A-Za-z]*/[^"\\/]*")(?!(?<=\{"reference"):"[^"\\]*"\})'
        # One without an address, where it may be to a person.
        rb"|(?:" + "|".join(names).encode() + rb')":(?:\{(?!"reference":")|\[(?!' + _ADDRESSED[2:] + rb"))"
        rb")"
    )
