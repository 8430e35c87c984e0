"""The table at the end: which figure is held against which bar."""

from benchmarks.verdict import Verdict, verdicts


def row(name, **figures):
    blank = {"name": name, "per_second": 0.0, "p95": 0.0, "p99": 0.0, "requests": 1, "details": {}}
    return blank | {"server_cpu": None, "database_cpu": None} | figures


UNASKED = row("reference", p99=None, requests=0)


def grown(size, rate, cpu, search):
    """The steps of one size: import, search list, hard searches."""
    return [
        {"step": f"$import {size}", "rows": [row(size, per_second=rate, server_cpu=cpu, database_cpu=0.1)]},
        {"step": "search", "rows": [row("search", p99=500.0), row("token", p99=20.0), row("date", p99=70.0), UNASKED]},
        {"step": "search, each family alone", "rows": [row(n, server_cpu=search, database_cpu=0.0) for n in "ab"]},
        {"step": "hard searches", "rows": [row("old token", p95=51.0), row("refused", p95=900.0, requests=0)]},
    ]


def by_name(figures):
    return {(one.what, one.unit): one for one in verdicts(figures)}


def test_each_size_is_held_against_its_bars_and_the_last_against_the_first():
    steps = grown("100k", 10_000.0, 0.05, 1.0) + grown("1m", 7_900.0, 0.15, 1.6)
    found = by_name({"growth": {"steps": steps}})
    assert found["$import, 100k", "resources/s"].met is True
    assert found["$import, 1m", "resources/s"].met is False
    assert found["$import, 1m", "CPU-ms a resource"].figure == 0.25
    assert found["search list, 1m", "CPU-ms on average"].met is False
    assert found["search list, 100k, slowest family", "ms, p99"].figure == 70.0
    assert found["hard searches, 100k, slowest", "ms, p95"].figure == 51.0
    assert found["$import, 1m against 100k", "% of the rate"].figure == 79.0
    assert found["search list, 1m against 100k", "times the CPU"].met is False


def test_what_was_not_measured_is_neither_met_nor_missed():
    found = by_name({"growth": {"steps": grown("100k", 10_000.0, None, None)}})
    assert found["disk, 100k", "bytes a resource"].met is None
    assert found["search list, 100k", "CPU-ms on average"].met is None
    assert verdicts({}) == []


def test_one_fault_of_the_feed_is_too_many():
    rounds = {"proof": {"faults": {"lost": 0, "out of order": 1}}, "speed": {"faults": {"lost": 0}}}
    rounds["speed"]["commits_per_second"] = 4_000.0
    found = by_name({"feed": rounds})
    assert found["feed", "commits/s"].met is True
    assert found["feed, lost, twice or out of order", "commits"].met is False


def test_reads_imports_and_start_have_their_bars():
    reads = [row("read", server_cpu=0.3, database_cpu=0.1), row("update", server_cpu=1.0, database_cpu=0.2)]
    figures = {
        "reads": {"steps": [{"step": "reads", "rows": reads}]},
        "import": {"steps": [{"step": "import", "rows": [row("import", per_second=5_001.0)]}]},
        "start": {"median": {"first_answer": 3.5}, "bar": 3.0},
    }
    met = {name: one.met for name, one in by_name(figures).items()}
    assert met["read, audited", "CPU-ms"] is True
    assert met["update, audited", "CPU-ms"] is False
    assert met["transactions over HTTP", "resources/s"] is True
    assert met["start to the first answer", "s"] is False


def test_a_verdict_says_which_way_its_bar_is():
    assert Verdict("x", 1.0, 2.0, "s").as_json() | {"figure": 1.0} == {
        "what": "x", "figure": 1.0, "bar": 2.0, "bound": "at most", "unit": "s", "met": True,
    }  # fmt: skip
