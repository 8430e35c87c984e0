"""Compiles the Unihan database into src/kangyun/identity/registration/data/characters.tsv.

    .venv/bin/python scripts/compile_characters.py /usr/share/unicode

The folder holds the Unihan_*.txt of one edition of Unicode, plain or .bz2: https://www.unicode.org/Public/UCD/latest/,
or Debian's package unicode-data. The same edition gives the same bytes. See SOURCE.md beside the table.
"""

import bz2
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src/kangyun/identity/registration/data/characters.tsv"
FILES = ("Variants", "DictionaryLikeData", "IRGSources", "OtherMappings")
WANTED = {
    "kSimplifiedVariant", "kTraditionalVariant", "kSemanticVariant", "kZVariant", "kCompatibilityVariant",
    "kSpoofingVariant", "kCangjie", "kFourCornerCode", "kTotalStrokes", "kTGH",
}  # fmt: skip
# Tried in this order: the first whose character stands in the list of standard characters decides.
FOLDING = ("kCompatibilityVariant", "kSimplifiedVariant", "kZVariant", "kSemanticVariant")

Properties = dict[str, dict[str, str]]


def read(folder: Path) -> tuple[Properties, str]:
    """Returns the properties that are wanted of each character, and the edition that the files name."""
    properties: Properties = defaultdict(dict)
    edition = ""
    for name in FILES:
        for line in _lines(folder, name):
            if line.startswith("# Unicode version:"):
                edition = line.partition(":")[2].strip()
            if line.startswith("U+"):
                code, field, value = line.rstrip("\n").split("\t")
                if field in WANTED:
                    properties[chr(int(code[2:], 16))][field] = value
    return properties, edition


def _lines(folder: Path, name: str) -> Iterator[str]:
    plain = folder / f"Unihan_{name}.txt"
    if plain.exists():
        return iter(plain.read_text("utf-8").splitlines())
    packed = folder / f"Unihan_{name}.txt.bz2"
    return iter(bz2.decompress(packed.read_bytes()).decode("utf-8").splitlines()) if packed.exists() else iter(())


def _variants(value: str) -> list[str]:
    """Returns the characters of `U+4E07<kMatthews U+842C`."""
    return [chr(int(part.split("<")[0][2:], 16)) for part in value.split()]


def folded(sign: str, properties: Properties) -> str:
    """Returns the standard character that a character is a form of; itself where it is standard or a form of none."""
    own = properties[sign]
    if "kTGH" in own:
        return sign
    for field in FOLDING:
        for variant in _variants(own.get(field, "")):
            if "kTGH" in properties.get(variant, {}):
                return variant
    simple = _variants(own.get("kSimplifiedVariant", "") or own.get("kCompatibilityVariant", ""))
    return folded(simple[0], properties) if simple and simple[0] != sign else sign


def main(folder: Path) -> None:
    """Writes the table."""
    properties, edition = read(folder)
    lines = [f"# Unihan {edition}", "# character\tstandard form if another\tcangjie\tfour corners\tstrokes\tspoofs"]
    for sign in sorted(properties):
        own = properties[sign]
        form = folded(sign, properties)
        shaped = "kTGH" in own or "kTGH" in properties.get(form, {})
        if form == sign and not shaped:
            continue
        cells = (
            sign,
            form if form != sign else "",
            own.get("kCangjie", "").split(" ")[0].lower(),
            own.get("kFourCornerCode", "").split(" ")[0].replace(".", ""),
            own.get("kTotalStrokes", "").split(" ")[0],
            "".join(_variants(own.get("kSpoofingVariant", ""))),
        )
        lines.append("\t".join(cells).rstrip("\t"))
    TARGET.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
