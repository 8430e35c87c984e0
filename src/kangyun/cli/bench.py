"""`kangyun bench`: hands over to the benchmarks of the source tree, where there is one.

The benchmarks are no part of an installation: they bring a load generator and corpora, and measure from outside.
"""

import os
import sys
from pathlib import Path

from kangyun.base.errors import NotSupported

HERE = Path(__file__).resolve()


def source_tree() -> Path:
    """Returns the folder of the source tree that this package runs from, or that is the working folder.

    Raises NotSupported where there is none.
    """
    for folder in (HERE.parents[3], Path.cwd()):
        if (folder / "benchmarks" / "__main__.py").is_file() and (folder / "pyproject.toml").is_file():
            return folder
    raise NotSupported("cli.bench-source")


def bench(arguments: list[str]) -> None:
    """Becomes `python -m benchmarks` with these arguments."""
    os.chdir(source_tree())
    os.execv(sys.executable, [sys.executable, "-m", "benchmarks", *arguments])
