"""What the platform says to people, in Chinese and in English.

A text id is the dotted name of a package below `kangyun`, a dot, and a key of that package's
`texts/zh.toml` and `texts/en.toml`: `fhir.validation.cardinality` stands in
`kangyun/fhir/validation/texts/`. A test holds that both files have the same keys and places.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

Language = Literal["zh", "en"]


@cache
def _catalogue(package: str, language: Language) -> dict[str, str]:
    source = files("kangyun").joinpath(*package.split("."), "texts", f"{language}.toml")
    return tomllib.loads(source.read_text("utf-8"))


def say(text: str, language: Language = "zh", parameters: Mapping[str, str | int] | None = None) -> str:
    """Returns the text with its places filled. Raises KeyError for an unknown id: a defect, not bad input."""
    package, _, key = text.rpartition(".")
    return _catalogue(package, language)[key].format_map(parameters or {})


def load_all() -> None:
    """Reads all there is to say."""
    home = Path(str(files("kangyun")))
    for source in home.rglob("texts/zh.toml"):
        for language in get_args(Language):
            _catalogue(".".join(source.parent.parent.relative_to(home).parts), language)


def language_of(accept_language: str | None) -> Language:
    """Returns the language that an Accept-Language header prefers; Chinese where it names neither."""
    best: tuple[float, Language] = (0.0, "zh")
    for part in (accept_language or "").split(","):
        tag, _, quality = part.strip().partition(";q=")
        language = tag.strip().lower()[:2]
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if language in ("zh", "en") and weight > best[0]:
            best = (weight, "en" if language == "en" else "zh")
    return best[1]
