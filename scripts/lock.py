"""Writes `requirements/run.txt` and `requirements/dev.txt` from what is installed: names and versions, nothing else.

`run.txt` has what the product needs, `dev.txt` what only tests and checks need. Run by `make lock`, which then has the
list of wheels of the offline bundle written anew.
"""

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def main() -> None:
    """Writes both files."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    run = closure(project["dependencies"])
    dev = closure(project["optional-dependencies"]["dev"])
    write("run.txt", run)
    write("dev.txt", {name: version for name, version in dev.items() if name not in run})


def closure(wanted: Iterable[str]) -> dict[str, str]:
    """Returns name and installed version of all that these requirements bring, themselves included."""
    found: dict[str, str] = {}
    waiting = [match[0] for one in wanted if (match := _NAME.match(one))]
    while waiting:
        try:
            package = distribution(waiting.pop())
        except PackageNotFoundError:
            continue  # Asked for only elsewhere: another system, another Python, an extra.
        name = package.metadata["Name"]
        if name not in found:
            found[name] = package.version
            # What stands behind a marker is there or is not: the installed environment decides.
            needed = (one for one in package.requires or [] if "extra ==" not in one)
            waiting += [match[0] for one in needed if (match := _NAME.match(one))]
    return found


def write(name: str, versions: dict[str, str]) -> None:
    """Writes one file, sorted by name."""
    lines = sorted((f"{package}=={version}" for package, version in versions.items()), key=str.lower)
    (REPOSITORY / "requirements" / name).write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
