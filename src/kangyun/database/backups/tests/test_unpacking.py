"""The log as a recovering server asks for it: what is asked for again at once is answered again."""

import subprocess
import time
from types import SimpleNamespace

from kangyun.database.backups import unpacking

AGAIN = 'for _ in 1 2 3 4 5; do sh "$0" 000000010000000000000003 gone && exit 9; done; exit 0'


def test_what_is_not_there_is_asked_for_again_at_once(tmp_path, monkeypatch):
    answer = unpacking.Feeder._answer

    def answer_and_be_held_up(feeder, name):
        answer(feeder, name)
        time.sleep(0.1)

    monkeypatch.setattr(unpacking.Feeder, "_answer", answer_and_be_held_up)
    medium, server = SimpleNamespace(segments=list), SimpleNamespace(give=lambda path: None)
    folder = tmp_path / "fetching"
    with unpacking.feeding(medium, SimpleNamespace(segment_bytes=1 << 24), folder, server) as feeder:
        asked = subprocess.run(["sh", "-c", AGAIN, folder / "fetch"], cwd=tmp_path, timeout=10)
    assert (asked.returncode, feeder.failed, feeder.given) == (0, None, 0)
    assert not folder.exists()
