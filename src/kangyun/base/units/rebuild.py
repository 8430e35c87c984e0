"""Rebuilds `units.tsv` from an edition of `ucum-essence.xml`: `python -m kangyun.base.units.rebuild ESSENCE.xml`.

For developers only; nothing of the product imports it. See SOURCE.md.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree

UCUM = "{http://unitsofmeasure.org/ucum-essence}"


def rows(essence: Path) -> list[str]:
    """Returns the lines of the table: kind, code, metric, value, unit, separated by tabs."""
    root = ElementTree.parse(essence).getroot()
    lines = [f"# UCUM {root.get('version')}, {root.get('revision-date')}", "# kind\tcode\tmetric\tvalue\tunit"]
    lines += [_row("prefix", prefix, "", _value(prefix), "") for prefix in root.iter(f"{UCUM}prefix")]
    lines += [_row("base", unit, "yes", "1", "") for unit in root.iter(f"{UCUM}base-unit")]
    lines += [_unit(unit) for unit in root.iter(f"{UCUM}unit")]
    return lines


def _row(kind: str, element: ElementTree.Element, metric: str, value: str, unit: str) -> str:
    return "\t".join((kind, element.attrib["Code"], metric, value, unit))


def _value(element: ElementTree.Element) -> str:
    return element.find(f"{UCUM}value").attrib["value"]  # type: ignore[union-attr]


def _unit(unit: ElementTree.Element) -> str:
    value = unit.find(f"{UCUM}value")
    assert value is not None
    metric = unit.attrib["isMetric"]
    function = value.find(f"{UCUM}function")
    if function is not None:
        return _row(
            f"special {function.attrib['name']}", unit, metric, function.attrib["value"], function.attrib["Unit"]
        )
    kind = "arbitrary" if unit.get("isArbitrary") == "yes" else "derived"
    return _row(kind, unit, metric, value.attrib["value"], value.attrib["Unit"])


if __name__ == "__main__":
    Path(__file__).with_name("units.tsv").write_text("\n".join(rows(Path(sys.argv[1]))) + "\n", "utf-8")
