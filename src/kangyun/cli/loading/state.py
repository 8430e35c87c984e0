"""How far a load has come, in a file: so that Ctrl-C, or a lost connection, costs nothing but the time."""

import hashlib
import os
from pathlib import Path
from uuid import uuid4

import msgspec

from kangyun.base.errors import Invalid


class State(msgspec.Struct):
    """What is done of a load. `run` names it in the commits that it leaves; `places`: as `sources.Places`."""

    run: str
    places: dict[str, int] = {}
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    refused: int = 0

    @property
    def good(self) -> int:
        return self.created + self.updated + self.unchanged + self.deleted


def state_file(folder: Path, paths: list[Path], server: str | None) -> Path:
    """Returns where the state of loading these paths to there is kept, unless another file is named."""
    text = "\n".join([server or "", *sorted(str(path.resolve()) for path in paths)])
    return folder / f"kangyun-load-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"


def read_state(file: Path) -> State | None:
    """Returns what was done of a load, None where it is a new one. Raises Invalid for a file that is no state."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError):
        raise Invalid("cli.load-state", file=str(file)) from None


def new_state() -> State:
    """Returns the state of a load that begins."""
    return State(f"load-{uuid4().hex[:16]}")


def write_state(file: Path, state: State) -> None:
    """Writes the state: wholly or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(state))
    os.replace(fresh, file)
