"""The functions of FHIRPath and those that FHIR adds, one module a topic; each registers itself when it is loaded."""

from importlib import import_module

_MODULES = (
    "boundaries", "collections", "conversion", "filtering", "mathematics", "resources", "text", "tree", "typing",
    "utility",
)  # fmt: skip


def load() -> None:
    """Fills the table of functions."""
    for module in _MODULES:
        import_module(f"{__name__}.{module}")
