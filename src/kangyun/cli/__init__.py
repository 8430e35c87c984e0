"""The platform from a terminal: `kangyun up`, `serve`, `work`, `load`, `export`, `reindex`, `doctor`, `bench`.

Each command is a module here; `main` only joins them. Messages speak Chinese, or English by `--lang en` or
KANGYUN_LANG.
"""


def main() -> None:
    """Runs the command line."""
    # Loaded here: the parts that `up` starts are modules beside it and do without it.
    from kangyun.cli.main import main as run

    run()
