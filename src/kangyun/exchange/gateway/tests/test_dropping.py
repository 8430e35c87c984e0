"""Drop folders: finished files only, each once, in pieces that are files, and put away by what became of them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.errors import PlatformError
from kangyun.exchange.gateway.configuration import Folder
from kangyun.exchange.gateway.dropping import Dropping, pieces
from kangyun.exchange.protocol import File, Refused


@pytest.fixture
def drop(tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


@pytest.fixture
def dropping(drop, hospital, start):
    told = Folder(folder=str(drop), feed="lis", settle=0)
    gateway = start(tables=[], folders=[told])
    return Dropping(gateway.queue, told, gateway.pace), gateway


def names(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_arrives_as_it_is_and_is_put_away(drop, dropping, centre):
    one, gateway = dropping
    (drop / "TB_LIS_REPORT.csv").write_bytes("姓名\n张\n".encode("gb18030"))
    assert one.round() == 1
    gateway.send()
    ((_, delivery),) = centre.kept["lis"]
    assert delivery == File("TB_LIS_REPORT.csv", "姓名\n张\n".encode("gb18030"))
    assert names(drop / "done") == []
    one.round()
    assert len(names(drop / "done")) == 1


def test_a_file_with_rows_kept_aside_is_returned(drop, dropping, centre, hospital):
    one, gateway = dropping
    centre.refused = lambda delivery: [Refused("x", "不对。", 2, "XM")]
    (drop / "a.csv").write_bytes(b"A\n1\n")
    one.round()
    gateway.send()
    one.round()
    assert len(names(drop / "returned")) == 1
    (report,) = (hospital.folder / "returned").glob("*.csv")
    assert "a.csv,2," in report.read_text("utf-8-sig")


@pytest.mark.parametrize("name", ["a.csv.tmp", "a.part", ".hidden.csv", "~$book.xlsx", "a.filepart"])
def test_files_that_are_being_written_are_left_alone(drop, dropping, name):
    (drop / name).write_bytes(b"A\n1\n")
    assert dropping[0].round() == 0


@pytest.mark.parametrize("error", [PermissionError])
def test_a_file_that_somebody_has_open_is_told_of_and_stops_no_other(drop, dropping, monkeypatch, error):
    (drop / "a.csv").write_bytes(b"A\n1\n")
    (drop / "b.csv").write_bytes(b"A\n2\n")
    real = type(drop).open

    def open_(path, *given, **told):
        return {"a.csv": lambda: (_ for _ in ()).throw(error).__next__()}.get(
            path.name, lambda: real(path, *given, **told)
        )()

    monkeypatch.setattr(type(drop), "open", open_)
    with pytest.raises(PlatformError) as refused:
        dropping[0].round()
    assert refused.value.issues[0].parameters == {"files": 1}
    assert (drop / "a.csv").exists()
    assert not (drop / "b.csv").exists()


def test_a_file_that_still_grows_is_left_alone(drop, hospital, start):
    gateway = start()
    told = Folder(folder=str(drop), feed="lis", settle=3600)
    (drop / "a.csv").write_bytes(b"A\n1\n")
    one = Dropping(gateway.queue, told, gateway.pace)
    assert [one.round(), one.round()] == [0, 0]


def test_a_stop_between_queue_and_move_sends_nothing_twice(drop, dropping, centre):
    one, gateway = dropping
    (drop / "a.csv").write_bytes(b"A\n1\n")
    one.round()
    (drop / "a.csv").write_bytes(b"A\n1\n")  # as if it had not been moved
    one.round()
    gateway.send()
    assert len(centre.kept["lis"]) == 1


@pytest.mark.parametrize(("content", "ending"), [(b"", ".empty"), (b"PK" + bytes(25 << 20), ".too-large")])
def test_what_cannot_be_sent_is_returned_at_once(drop, dropping, content, ending):
    (drop / "a.xlsx").write_bytes(content)
    assert dropping[0].round() == 0
    assert names(drop / "returned") == [f"a.xlsx{ending}"]


def test_a_workbook_is_not_cut_however_large(drop, dropping, centre):
    one, gateway = dropping
    (drop / "a.xlsx").write_bytes(b"PK" + b"\n1234567" * (5 << 17))
    assert one.round() == 1
    gateway.send()
    ((_, file),) = centre.kept["lis"]
    assert len(file.content) == 2 + (5 << 20)


def test_a_line_without_end_is_no_piece_that_nobody_takes(drop, dropping):
    (drop / "a.csv").write_bytes(b"A,B\n" + b"1,2\r" * (7 << 20))
    assert dropping[0].round() == 0
    assert names(drop / "returned") == ["a.csv.too-large"]


def test_a_quote_that_is_missing_holds_up_no_file():
    body = b'1,5" pipe\r\n' + b"".join(b"%d,name\r\n" % number for number in range(200_000))
    found = list(pieces(b"A,B\r\n" + body, 50_000))
    assert max(len(piece) for piece, _ in found) < 1_200_000
    assert b"".join(piece.removeprefix(b"A,B\r\n") for piece, _ in found) == body


CELLS = st.text(st.characters(codec="gb18030", exclude_characters='"\r\n'), max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS, st.booleans()), min_size=1, max_size=60), st.integers(1, 200))
def test_a_csv_in_pieces_is_the_same_rows(rows, size):
    header = "甲,乙\n".encode("gb18030")
    records = [f'{a},"{b}{chr(10) * broken}x"\n'.encode("gb18030") for a, b, broken in rows]
    made = list(pieces(header + b"".join(records), size))
    bodies = [piece.removeprefix(header) for piece, _ in made]
    assert all(piece.startswith(header) for piece, _ in made)
    assert b"".join(bodies) == b"".join(records)
    assert all(body.count(b'"') % 2 == 0 and body.endswith(b"\n") for body in bodies)
    lines = [0]
    for body in bodies[:-1]:
        lines.append(lines[-1] + body.count(b"\n"))
    assert [skipped for _, skipped in made] == lines


@given(st.integers(0, 50), st.integers(1, 40))
def test_a_dbf_in_pieces_has_each_record_once(count, size):
    head = (
        struct.pack("<BBBBIHH20x", 3, 26, 11, 23, count, 33 + 32, 6) + b"A".ljust(11, b"\0") + b"C" + bytes(20) + b"\r"
    )
    records = [b" %05d" % number for number in range(count)]
    made = list(pieces(head + b"".join(records) + b"\x1a", size))
    bodies = [piece[len(head) :].rstrip(b"\x1a") for piece, _ in made]
    assert b"".join(bodies) == b"".join(records)
    assert sum(int.from_bytes(piece[4:8], "little") for piece, _ in made) == count
