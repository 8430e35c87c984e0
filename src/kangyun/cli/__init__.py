"""The platform from a terminal: `kangyun up`, `serve`, `work`, `load`, `export`, `reindex`, `doctor`, `bench`.

Each command is a module here; this one only joins them. Messages speak Chinese, or English by `--lang en` or
KANGYUN_LANG.
"""

from kangyun.cli.main import main

__all__ = ["main"]
