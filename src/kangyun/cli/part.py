"""`python -m kangyun.cli.part NAME`: how `kangyun up` starts its parts.

The same as `kangyun NAME` with all settings from the environment, but without the command line's own modules, which
would take a fifth of the time until the first answer.
"""

import gc
import sys

from kangyun.base.errors import PlatformError
from kangyun.base.texts import say


def main() -> None:
    """Runs one part until it is told to stop. What stops it early is said on standard error; exit status 1."""
    name = sys.argv[1]
    # What is loaded stays: to look through it for garbage meanwhile is an eighth of the time until the first answer.
    # Whoever has loaded all that it needs turns the collector on again.
    gc.disable()
    try:
        if name == "demonstration":
            from kangyun.cli.demonstration import load

            gc.enable()
            load()
        elif name == "hospitals":
            from kangyun.cli.hospitals import run

            gc.enable()
            run()
        elif name == "wearers":
            from kangyun.cli.wearers import run as wear

            gc.enable()
            wear()
        elif name == "drill":
            from kangyun.cli.drill_shown import run as drill

            gc.enable()
            drill()
        elif name == "archive":
            from kangyun.cli.archive import archive

            gc.enable()
            archive()
        elif name == "listen":
            from kangyun.cli.device_listener import listen

            sys.exit(listen())
        elif name == "ingest":
            from kangyun.cli.ingest import ingest

            ingest()
        else:
            from kangyun.cli import serve

            {"serve": serve.serve, "work": serve.work}[name]()
    except PlatformError as error:
        for issue in error.issues:
            print(say(issue.text, "zh", issue.parameters), file=sys.stderr)  # noqa: T201 - the log is where it goes
        sys.exit(1)


if __name__ == "__main__":
    main()
