"""What an operation answered, as a test reads it."""

from typing import Any

import httpx


def told(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """Returns the parameters of an answer by name: values, or parts. The last of a name counts."""
    assert answer.status_code == status, answer.text
    return {one["name"]: value_of(one) for one in answer.json().get("parameter", ())}


def value_of(parameter: dict[str, Any]) -> Any:
    """Returns the value or the parts of a parameter."""
    return next(value for name, value in parameter.items() if name != "name")
