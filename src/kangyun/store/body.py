"""A version's body: from a resource to the bytes in its row and back.

The row holds the resource's JSON from behind meta.lastUpdated on: type, id, version and instant stand in columns and
are put before it when it is read, so that an answer needs no JSON parser. An id that a client chose leads the text;
one that the server gave is `res` in another form and is not stored. The text is compressed with a dictionary that was
trained on synthetic residents only, then sealed.
"""

import struct
from datetime import datetime
from functools import cache
from importlib.resources import files

import zstandard

from kangyun.base.clock import instant as written
from kangyun.base.crypto import Sealer
from kangyun.fhir import Resource
from kangyun.fhir.json import encode

DICTIONARY = 1
_LABEL = struct.Struct(">qi")
# What a version row may grow to when it is opened; a request body is smaller (settings.body_limit).
LARGEST = 256_000_000
LEVEL = 3


@cache
def _codec(number: int) -> tuple[zstandard.ZstdCompressor, zstandard.ZstdDecompressor]:
    if number == 0:
        return zstandard.ZstdCompressor(LEVEL, write_content_size=True), zstandard.ZstdDecompressor()
    data = files("kangyun.store").joinpath("data", f"dictionary-{number}.zdict").read_bytes()
    dictionary = zstandard.ZstdCompressionDict(data)
    dictionary.precompute_compress(LEVEL)
    return (
        # Without dict id, checksum (the tag has one) and magic, a small body is 9 bytes smaller.
        zstandard.ZstdCompressor(dict_data=dictionary, compression_params=_parameters(dictionary)),
        zstandard.ZstdDecompressor(dict_data=dictionary, format=zstandard.FORMAT_ZSTD1_MAGICLESS),
    )


def _parameters(dictionary: zstandard.ZstdCompressionDict) -> zstandard.ZstdCompressionParameters:
    return zstandard.ZstdCompressionParameters.from_level(
        LEVEL,
        dict_size=len(dictionary.as_bytes()),
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=True,
        write_checksum=False,
        write_dict_id=False,
    )


def text_of(resource: Resource, chosen_id: str | None) -> bytes:
    """Returns what is stored of a resource, in clear. `chosen_id` is its id where a client chose it."""
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in _OURS_OF_META}
    rest = {name: value for name, value in resource.items() if name not in _OURS}
    head = chosen_id.encode() if chosen_id else b""
    return head + (b"," + encode(meta)[1:] if meta else b"}") + (b"," + encode(rest)[1:] if rest else b"}")


_OURS_OF_META = frozenset({"versionId", "lastUpdated"})
_OURS = frozenset({"resourceType", "id", "meta"})


def sealed(text: bytes, sealer: Sealer, res: int, version: int) -> bytes:
    """Returns the bytes of the row's body."""
    return sealer.seal(_codec(DICTIONARY)[0].compress(text), _LABEL.pack(res, version))


def opened(body: bytes, sealer: Sealer, res: int, version: int, dictionary: int) -> bytes:
    """Returns the stored text. Raises Unreadable when the row is not what was written."""
    return _codec(dictionary)[1].decompress(sealer.open(body, _LABEL.pack(res, version)), max_output_size=LARGEST)


def split_id(text: bytes) -> tuple[str | None, bytes]:
    """Returns the id that a client chose, None where the server gave it, and the rest of the text."""
    if text[:1] in (b",", b"}"):
        return None, text
    end = min(place for place in (text.find(b","), text.find(b"}")) if place >= 0)
    return text[:end].decode(), text[end:]


def wire(resource_type: str, id_: str, version: int, moment: datetime, rest: bytes) -> bytes:
    """Returns the resource as JSON, as it goes to a client."""
    return (
        f'{{"resourceType":"{resource_type}","id":"{id_}","meta":{{"versionId":"{version}","lastUpdated":"{written(moment)}"'
    ).encode() + rest
