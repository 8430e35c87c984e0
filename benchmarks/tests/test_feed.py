"""The benchmark of the change feed, briefly, on a database of its own."""

import json

from benchmarks import feed


def test_all_commits_of_several_writers_are_found_in_order(fresh_database, tmp_path, capsys):
    file = tmp_path / "feed.json"
    feed._run(fresh_database, 4, 8, 0.5, 1, file)
    figures = json.loads(file.read_text())
    assert figures["proof"]["faults"] == {"lost": 0, "twice": 0, "gaps": 0, "out of order": 0}
    assert figures["speed"]["faults"] == {"lost": 0, "twice": 0, "gaps": 0}
    assert figures["speed"]["commits_per_second"] > 0
