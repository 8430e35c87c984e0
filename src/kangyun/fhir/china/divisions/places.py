"""Towns and villages of one edition, packed by prefecture: a prefecture is unpacked when it is first asked for.

The file is MessagePack of {first four digits: zstd frame}, all frames by one dictionary that stands under "". A frame
is lines: `=NN` begins a county, `+NNN` and a name a town, else a village: its three digits, left out where they are
one more than those before it, and its name. A name's last capital letter stands for a common ending (`ENDINGS`).

Source: data/SOURCE.md; written by scripts/compile_divisions.py
"""

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files

import msgspec
import zstandard

EDITION = "2023-06-30"
"""The day as of which the codes of towns and villages are."""

ENDINGS = {
    "A": "居民委员会", "B": "村民委员会", "C": "社区居民委员会", "D": "社区居委会", "E": "居委会", "F": "村委会",
    "G": "社区", "H": "村", "I": "嘎查", "J": "嘎查村民委员会", "K": "嘎查委员会", "L": "生活区", "M": "分场",
    "N": "管理区", "O": "委员会", "Z": "",
}  # fmt: skip
_sections = msgspec.msgpack.Decoder(dict[str, bytes])
_UNPACKED = 12  # prefectures that are kept unpacked


@lru_cache(maxsize=_UNPACKED)
def names(prefecture: str) -> Mapping[str, str]:
    """Returns the names of the towns and villages of a prefecture by code. `prefecture`: the first four digits."""
    packed = _file().get(prefecture)
    return dict(read(prefecture, _decompressor().decompress(packed).decode())) if packed else {}


def prefectures() -> tuple[str, ...]:
    """Returns the first four digits of all prefectures."""
    return tuple(sorted(name for name in _file() if name))


def read(prefecture: str, text: str) -> Iterator[tuple[str, str]]:
    """Yields code and name of what stands in a frame."""
    county = town = prefecture
    number = 0
    for line in text.split("\n"):
        if line.startswith("="):
            county = prefecture + line[1:]
        elif line.startswith("+"):
            town, number = county + line[1:4], 0
            yield town, line[4:]
        else:
            if line[:3].isdecimal() and line[:3].isascii():
                number, line = int(line[:3]), line[3:]
            else:
                number += 1
            yield f"{town}{number:03}", line[:-1] + ENDINGS[line[-1]]


def written(prefecture: str, found: Mapping[str, str]) -> str:
    """Returns the frame of the towns and villages of a prefecture, sorted by code: what `read` reads."""
    lines: list[str] = []
    county, number = "", 0
    for code, name in sorted(found.items()):
        if code[4:6] != county:
            county = code[4:6]
            lines.append(f"={county}")
        if len(code) == 9:
            lines.append(f"+{code[6:]}{name}")
            number = 0
            continue
        now, short = int(code[9:]), _shortened(name)
        # A name that begins with a digit would be taken for a number.
        lines.append(short if now == number + 1 and not short[:1].isdecimal() else f"{now:03}{short}")
        number = now
    return "\n".join(lines)


def _shortened(name: str) -> str:
    ending = max((word for word in ENDINGS.values() if name.endswith(word)), key=len)
    return name.removesuffix(ending) + next(sign for sign, word in ENDINGS.items() if word == ending)


@cache
def _file() -> Mapping[str, bytes]:
    return _sections.decode(files(__package__).joinpath("data", "places.bin").read_bytes())


@cache
def _decompressor() -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(zstandard.ZstdCompressionDict(_file()[""]))
