"""Rebuilds `data/openmhealth.json` from the folder of Open mHealth's schemas: `python -m … FOLDER`.

For developers only; nothing of the product imports it. Only their structure is kept: which members there are, of which
type, which are required, and which words are allowed. What refers to IEEE 1752.1 is taken from the schema of the same
name that it superseded. See data/SOURCE.md.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

WANTED = (
    "ambient-temperature", "blood-glucose", "blood-pressure", "body-fat-percentage", "body-height", "body-mass-index",
    "body-temperature", "body-weight", "calories-burned", "data-point", "geoposition", "heart-rate",
    "minutes-moderate-activity", "oxygen-saturation", "physical-activity", "respiratory-rate", "rr-interval",
    "sleep-duration", "sleep-episode", "step-count", "total-sleep-time",
)  # fmt: skip
_KEPT = {"$ref", "allOf", "anyOf", "definitions", "enum", "format", "items", "oneOf", "pattern", "properties",
         "required", "type"}  # fmt: skip
_PERCENT = {"allOf": [{"$ref": "unit-value-1.x"}, {"properties": {"unit": {"enum": ["%"]}}}]}


def structure(schema: Any, *, names: bool = False) -> Any:
    """Returns a schema without its words. names: whether the members are names of properties, not keywords."""
    if isinstance(schema, list):
        return [structure(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key == "$ref" and not names:
            kept[key] = _target(value)
        elif names or key in _KEPT:
            kept[key] = structure(value, names=not names and key in ("properties", "definitions"))
    return kept


def _target(reference: str) -> str:
    if reference.startswith("#"):
        return reference
    name = reference.rpartition("/")[2].removesuffix(".json")
    if not reference.startswith("https:"):
        return name
    return "time-frame-ieee" if name == "time-frame-1.0" else re.sub(r"-1\.0$", "-1.x", name)


def _ieee_frame(every: dict[str, Any]) -> dict[str, Any]:
    """A time frame by IEEE 1752.1: without the parts of a day."""
    interval = every["time-interval-1.x"]
    ways = [way for way in interval["oneOf"] if "part_of_day" not in way["required"]]
    frame = every["time-frame-1.x"]
    # In the frame, the interval's own definitions are the frame's: both call an instant date_time.
    definitions = {
        **interval["definitions"],
        **frame["definitions"],
        "time_interval": {"type": "object", "oneOf": ways},
    }
    return {**frame, "definitions": definitions}


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [found for one in schema for found in _references(one)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    return own + [found for key, value in schema.items() if key != "$ref" for found in _references(value)]


def collected(folder: Path) -> dict[str, Any]:
    """Returns the schemas that are wanted and what they refer to, by name."""
    every = {path.stem: structure(json.loads(path.read_text("utf-8"))) for path in folder.glob("*.json")}
    every |= {"percent-unit-value-1.x": _PERCENT, "time-frame-ieee": _ieee_frame(every)}
    waiting = [name for name in every if re.sub(r"-\d+\.\d+$", "", name) in WANTED]
    found: dict[str, Any] = {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = every[name]
            waiting += [one for one in _references(every[name]) if not one.startswith("#")]
    return dict(sorted(found.items()))


if __name__ == "__main__":
    text = json.dumps(collected(Path(sys.argv[1])), separators=(",", ":"), sort_keys=True)
    Path(__file__).with_name("data").joinpath("openmhealth.json").write_text(text + "\n", "utf-8")
