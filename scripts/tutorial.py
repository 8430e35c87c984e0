"""Runs the commands of the tutorial, in both languages, against a demonstration that is up, as they stand there.

    python scripts/tutorial.py [--url http://127.0.0.1:8080] [--data data]

What is marked `sh` in docs/tutorial.md and docs/zh/入门教程.md; the first command that fails ends it with its status.
--url and --data stand in place of the tutorial's own.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = ("docs/zh/入门教程.md", "docs/tutorial.md")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--data", default="data")
    given = parser.parse_args()
    for name in TUTORIALS:
        blocks = BLOCK.findall((ROOT / name).read_text("utf-8"))
        script = "set -euxo pipefail\n" + "\n".join(blocks)
        script = script.replace("http://127.0.0.1:8080", given.url).replace("--data data", f"--data {given.data}")
        script = script.replace('"data/demo-sign-ins.json"', f'"{given.data}/demo-sign-ins.json"')
        done = subprocess.run(["bash", "-c", script], cwd=ROOT, check=False)
        sys.stdout.write(f"{name}: {len(blocks)} blocks, {'ok' if done.returncode == 0 else 'FAILED'}\n")
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
