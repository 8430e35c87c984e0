"""Rows in, resources, rows out, resources: the same ones. Over the city's rows, and a sample of every table."""

import io
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import pytest

from kangyun.exchange.entries import Entry
from kangyun.exchange.exam.samples import sample
from kangyun.exchange.tables.mapping import Feed, convert, load, shipped_for
from kangyun.exchange.tables.reading import Row, Table, read
from kangyun.exchange.tables.recognition import recognise
from kangyun.exchange.tables.writing import Writer, content, targets, unfilled
from kangyun.simulate import City, error_model
from kangyun.simulate.sending import folded, sending

DIALECTS = ("chengdu-2011", "shanghai-hub-2026", "shanghai-2024", "hospital-view-2025")
KEY = "T1"
TWICE = ("shanghai-2024", "TB_HIS_ZY_FEE_DETAIL_FS")
"""Fees of stays have two tables there: they are written once, into the other one."""
TRAPS = Path(__file__).parents[3] / "shared/data/cn/traps/16_tb_set"


def taken(files, feed):
    """Returns what files come to, by reference; files whose header is broken are of no table."""
    made = {}
    for name, content_ in files:
        table = read(io.BytesIO(content_), name)
        for match in recognise(table.header, name)[:1]:
            for one in convert(table, shipped_for(match.table), feed):
                if isinstance(one, Entry):
                    made[f"{one.resource['resourceType']}/{one.id}"] = dict(one.resource)
    return made


def there_and_back(known, feed, encoding):
    """Returns what the record comes to after it was written and read, the files, and what was left out."""
    rows = Writer(feed).rows(known.values(), known)
    columns = {one.table: one.columns for one in targets(feed.dialect)}
    files = [(f"{name}.csv", content(columns[name], some, encoding)) for name, some in rows.by_table.items()]
    return taken(files, feed), files, rows.left


def as_written(resource, known):
    """Returns a resource without what no column says: whose a result is, and a visit that never came."""
    lacking = ["subject", "encounter"] if resource["resourceType"] == "Observation" else []
    if resource.get("encounter", {}).get("reference") not in known:
        lacking.append("encounter")
    return {name: value for name, value in resource.items() if name not in lacking}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_what_the_city_sends_as_tables_comes_back_the_same(encoding):
    sent = sending(City(1, 100, date(2026, 11, 1), 2.0), error_model("judging"))
    by_house = defaultdict(list)
    for name, content_ in folded(one for parts, _ in sent for one in parts):
        if "/TB_" in name:
            by_house[name.partition("/")[0]].append((name, content_))
    house, files = max(by_house.items(), key=lambda one: len(one[1]))
    code = next(row.cells[0] for name, raw in files if "PATIENT" in name for row in read(io.BytesIO(raw), name).rows)
    feed = Feed(house, f"Organization/{house}", code, "chengdu-2011")
    known = taken(files, feed)
    back, written, left = there_and_back(known, feed, encoding)
    assert back.keys() <= known.keys()
    gone = Counter(reference.partition("/")[0] for reference in known.keys() - back.keys())
    assert gone == Counter({one.what: count for one, count in left.items() if one.why != "left-element"})
    # What refers to a patient or report that never came (broken, or not sent yet) has nobody's columns.
    assert sum(gone.values()) < len(known) / 20
    assert all(resource == as_written(known[reference], known) for reference, resource in back.items())
    assert there_and_back(back | known, feed, encoding)[1] == written


def sampled(mapping, feed):
    """Returns what the sample row of a mapping comes to."""
    header, cells = sample(mapping)
    cells = ["20260105" if name == "BGRQ" else cell for name, cell in zip(header, cells, strict=True)]
    rows = Table(mapping.name, "csv", "utf-8", header, iter([Row(1, cells)]))
    made = [one for one in convert(rows, mapping, feed) if isinstance(one, Entry)]
    return {f"{one.resource['resourceType']}/{one.id}": dict(one.resource) for one in made}


@pytest.mark.parametrize(
    ("dialect", "table"),
    [(dialect, one.table) for dialect in DIALECTS for one in targets(dialect) if (dialect, one.table) != TWICE],
)
def test_a_sample_of_each_table_is_written_and_fills_no_column_that_is_said_to_stay_empty(dialect, table):
    feed = Feed("h1", "Organization/h1", KEY, dialect)
    target = next(one for one in targets(dialect) if one.table == table)
    visit = "inpatient-record" if table in target.mapping.stays else "outpatient-visit"
    others = [sampled(load(name), feed) for name in ("patient", visit, "laboratory-report")]
    known = {name: one for some in (*others, sampled(target.mapping, feed)) for name, one in some.items()}
    (row,) = Writer(feed).rows(known.values(), known).by_table[table]
    assert not {name for name, cell in row.items() if cell} & set(unfilled(target))


@pytest.mark.skipif(not TRAPS.exists(), reason="needs ../shared/data/cn/traps")
def test_the_collected_tables_come_back_the_same():
    feed = Feed("h1", "Organization/h1", "DEMO0001", "shanghai-hub-2026")
    known = taken([(file.name, file.read_bytes()) for file in sorted(TRAPS.iterdir())], feed)
    back, _, left = there_and_back(known, feed, "utf-8-sig")
    assert back.keys() == known.keys()
    assert {one.what for one in left} == {"Condition.verificationStatus"}
