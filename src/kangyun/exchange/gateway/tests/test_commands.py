"""The command line as somebody meets it who never saw the platform: asked, tried, shown."""

import json
import stat
from contextlib import suppress
from datetime import time

import pytest

from kangyun.exchange.gateway import configuration as told
from kangyun.exchange.gateway.commands import main
from kangyun.exchange.gateway.configuration import Configuration, Folder, is_open


@pytest.fixture
def answer(monkeypatch):
    """Answers what is asked, in order; returns what was not asked for."""

    def give(*answers: str) -> list[str]:
        left = list(answers)
        monkeypatch.setattr("builtins.input", lambda text: left.pop(0))
        monkeypatch.setattr("getpass.getpass", lambda text: left.pop(0))
        return left

    return give


@pytest.fixture
def fresh(tmp_path):
    return tmp_path / "fresh"


def gateway(folder, *words):
    return main(["--folder", str(folder), *words])


def test_from_nothing_to_a_row_at_the_centre_without_a_file_edited(hospital, centre, fresh, monkeypatch, capsys):
    hospital.reports(range(3))
    # pairing, url, client, proxy, authority; registered; database; SQLite; its file; all tables; the proposed column
    left = ["", centre.url, "gw", "", "", "", "1", "7", str(hospital.database), "", ""]

    def typed(text):
        # The centre registers the key once it lies there.
        for file in fresh.glob("public.json"):
            (key,) = json.loads(file.read_text())["keys"]
            centre.keys[key["kid"]] = key
        return left.pop(0)

    monkeypatch.setattr("builtins.input", typed)
    assert gateway(fresh, "init") == 0
    assert left == []
    (table,) = told.read(fresh).tables
    assert (table.table, table.column, table.feed, table.form) == ("TB_LIS_REPORT", "GXSJ", "lis", "%Y-%m-%d %H:%M:%S")
    assert gateway(fresh, "check") == 0
    assert "［不通］" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "by", "form", "overlap"),
    [
        ("20260105080000", "text", "%Y%m%d%H%M%S", 1440),
        ("20260105080000123", "text", "%Y%m%d%H%M%S", 1440),
        ("2026-01-05 08:00:00.5   ", "text", "%Y-%m-%d %H:%M:%S", 1440),
        ("20260105", "text", "%Y%m%d", 1440),
        ("20260105001", "number", "%Y%m%d%H%M%S", 1440),
        (20260105080000, "number", "%Y%m%d%H%M%S", 1_000_000),
        (4711, "number", "%Y%m%d%H%M%S", 1440),
    ],
)
def test_by_what_a_table_is_read_follows_from_a_value(hospital, centre, fresh, answer, value, by, form, overlap):
    hospital.run("CREATE TABLE V_LIS AS SELECT * FROM TB_LIS_REPORT")
    hospital.run("DROP TABLE TB_LIS_REPORT")
    hospital.run("ALTER TABLE V_LIS ADD COLUMN XH")
    hospital.run("INSERT INTO V_LIS (XH) VALUES (?)", (value,))
    answer("", centre.url, "gw", "", "", "0", "1", "7", str(hospital.database), "", "lis", "XH")
    assert gateway(fresh, "init") == 0
    (table,) = told.read(fresh).tables
    assert (table.by, table.form, table.overlap) == (by, form, overlap)


def test_a_pairing_file_saves_typing(hospital, centre, fresh, answer, tmp_path):
    pairing = tmp_path / "pairing.json"
    pairing.write_text(json.dumps({"url": centre.url, "client": "gw", "ca": "", "feeds": ["lis"]}))
    assert answer("", "2", str(tmp_path / "drop")) == ["", "2", str(tmp_path / "drop")]
    assert gateway(fresh, "init", "--pairing", str(pairing)) == 0
    made = told.read(fresh)
    assert (made.centre.url, made.centre.client) == (centre.url, "gw")
    assert [one.feed for one in made.folders] == ["lis"]


def test_what_is_typed_wrong_is_asked_for_again(hospital, centre, fresh, answer, tmp_path):
    told_ = {"url": centre.url, "client": "gw", "feeds": ["lis"]}
    (tmp_path / "pairing.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(told_).encode())
    (tmp_path / "no.json").write_text("no")
    left = answer(
        str(tmp_path / "none.json"), str(tmp_path / "no.json"), f'"{tmp_path / "pairing.json"}"', "",
        "1", "4", "127.0.0.1", "1521端口", "9", "his", "", "1", "", "很快", "1",
    )  # fmt: skip
    with suppress(IndexError):  # It asks again, since nobody is there.
        gateway(fresh, "init")
    assert left == []


def test_a_file_of_an_old_editor_is_read(hospital, tmp_path):
    made = hospital.configuration(folders=[Folder(folder="D:\\投递", feed="lis")])
    path = hospital.folder / told.FILE
    path.write_bytes(path.read_text("utf-8").replace("\n", "\r\n").encode("gb18030"))
    assert told.read(hospital.folder) == made


def test_an_address_that_the_centre_does_not_have_here_is_put_right(hospital, centre, fresh, answer, tmp_path):
    pairing = tmp_path / "pairing.json"
    pairing.write_text(json.dumps({"url": "http://127.0.0.1:1", "client": "gw", "ca": "", "feeds": ["lis"]}))
    answer(centre.url, "2", str(tmp_path / "drop"))
    assert gateway(fresh, "init", "--pairing", str(pairing)) == 0
    assert told.read(fresh).centre.url == centre.url


def test_what_is_secret_is_the_owner_s_alone(hospital, centre, fresh, answer, tmp_path):
    answer("", "", "gw", str(tmp_path), "2", str(tmp_path / "drop"), "lis")
    assert gateway(fresh, "init") == 0
    for name in ("client.key", "gateway.toml"):
        assert stat.S_IMODE((fresh / name).stat().st_mode) == 0o600


def test_try_shows_his_row_beside_ours_and_sends_nothing(hospital, centre, capsys):
    hospital.run(
        "CREATE TABLE TB_YL_PATIENT_INFORMATION (YLJGYQDM, KH, KLX, XM, XB, CSRQ, ZJHM, ZJLX, SJHM, XGBZ, YWSCSJ)"
    )
    row = ("H1", "K1", "1", "测试甲", "1", "19{}0101", "", "", "13800000000", "1", "20260105080000")
    for year in ("70", "9x"):
        hospital.run(
            f"INSERT INTO TB_YL_PATIENT_INFORMATION VALUES ({','.join('?' * 11)})",
            [cell.format(year) for cell in row],
        )
    table = {"source": "his", "table": "TB_YL_PATIENT_INFORMATION", "feed": "lis", "by": "text", "column": "YWSCSJ"}
    hospital.configuration(tables=[told.Table(**table)])
    gateway(hospital.folder, "try", "--rows", "2")
    said = capsys.readouterr().out
    assert "XM=测试甲" in said
    assert '"resourceType": "Patient"' in said
    assert "✗CSRQ=199x0101" in said
    assert centre.kept["lis"] == []
    assert not (hospital.folder / "queue.db").exists()


@pytest.mark.parametrize(("agreed", "does"), [("", "reverted"), ("shanghai-hub-2026", "kept")])
def test_the_dialect_that_is_agreed_says_what_a_flag_means(hospital, centre, capsys, agreed, does):
    hospital.run("CREATE TABLE TB_YL_ZY_MEDICAL_RECORD (YLJGYQDM, JZLSH, KH, KLX, RYSJ, CYSJ, XGBZ)")
    row = ("H1", "V1", "K1", "1", "2026-01-05 08:00:00", "2026-01-09 10:00:00", "1")
    hospital.run(f"INSERT INTO TB_YL_ZY_MEDICAL_RECORD VALUES ({','.join('?' * 7)})", row)
    table = {"source": "his", "table": "TB_YL_ZY_MEDICAL_RECORD", "feed": "lis", "by": "text", "column": "RYSJ"}
    hospital.configuration(tables=[told.Table(**table, dialect="hospital-view-2025")])
    centre.dialect = agreed
    gateway(hospital.folder, "try")
    said = capsys.readouterr().out
    assert (agreed or "hospital-view-2025") in said
    assert ("entered-in-error" in said) == (does == "reverted")
    gateway(hospital.folder, "check")
    assert f"（{agreed or 'hospital-view-2025'}）" in capsys.readouterr().out


def test_try_shows_the_files_of_a_folder_and_leaves_them(hospital, tmp_path, capsys):
    drop = tmp_path / "drop"
    drop.mkdir()
    hospital.configuration(sources=[], tables=[], folders=[told.Folder(folder=str(drop), feed="lis")])
    assert gateway(hospital.folder, "try") == 0
    assert str(drop) in capsys.readouterr().out
    columns = "YLJGYQDM,KH,KLX,XM,XB,CSRQ,ZJHM,ZJLX,SJHM,XGBZ,YWSCSJ"
    row = "H1,K1,1,测试甲,1,19700101,,,,{},20260105080000"
    file = drop / "TB_YL_PATIENT_INFORMATION.csv"
    file.write_bytes("\r\n".join([columns, row.format(1), row.format("X")]).encode("gbk"))
    assert gateway(hospital.folder, "try") == 1
    said = capsys.readouterr().out
    assert "XM=测试甲" in said
    assert "共 2 行，其中 1 行不会被采用" in said
    assert file.exists()


def test_scripts_are_printed(hospital, capsys):
    assert gateway(hospital.folder, "ddl", "--dialect", "oracle", "TB_LIS_REPORT") == 0
    said = capsys.readouterr().out
    assert "CREATE TABLE TB_LIS_REPORT (" in said
    assert "CREATE OR REPLACE TRIGGER" in said


def test_the_status_says_what_stopped_and_what_to_do(hospital, centre, start, capsys):
    hospital.report(1)
    running = start()
    running.read()
    hospital.run("ALTER TABLE TB_LIS_REPORT ADD COLUMN BZ TEXT")
    running.read()
    assert gateway(hospital.folder, "status") == 1
    said = capsys.readouterr().out
    assert "多了 BZ" in said
    assert "gateway accept his/TB_LIS_REPORT" in said
    assert gateway(hospital.folder, "accept", "TB_LIS_REPORT") == 0
    gateway(hospital.folder, "status")
    assert "多了 BZ" not in capsys.readouterr().out


def test_a_table_is_read_again_from_its_start_when_asked(hospital, centre, start):
    hospital.reports(range(3))
    running = start()
    running.read()
    assert gateway(hospital.folder, "again", "TB_LIS_REPORT") == 0
    assert running.read() == 3


@pytest.mark.parametrize("words", [["--windows"], []])
def test_the_recipe_for_a_service_names_the_folder(hospital, words, capsys):
    hospital.configuration()
    assert gateway(hospital.folder, "service", *words) == 0
    assert str(hospital.folder) in capsys.readouterr().out


def test_without_a_configuration_it_says_what_to_do(fresh, capsys):
    assert gateway(fresh, "check") == 1
    assert "gateway init" in capsys.readouterr().err


def test_the_file_is_read_as_it_was_written(hospital):
    made = hospital.configuration()
    assert told.read(hospital.folder) == made


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("[centre", "wrong-file"),
        ("[centre]\nurll = 1", "wrong-file"),
        ('[[tables]]\nsource="x"\ntable="T"\nfeed="f"\nby="time"\ncolumn="C"', "no-source"),
        ('[[sources]]\nname="x"\nkind="sqlite"\nwindow=["25:00"]', "wrong-window"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_place(tmp_path, change, text):
    (tmp_path / told.FILE).write_text(change, "utf-8")
    with pytest.raises(told.Invalid) as refused:
        told.read(tmp_path)
    assert refused.value.issues[0].text == f"exchange.gateway.{text}"


@pytest.mark.parametrize(
    ("windows", "now", "expected"),
    [
        ([], "12:00", True),
        (["22:00-06:00"], "23:30", True),
        (["22:00-06:00"], "05:59", True),
        (["22:00-06:00"], "06:00", False),
        (["12:00-13:00", "22:00-06:00"], "12:30", True),
        (["12:00-13:00"], "13:00", False),
    ],
)
def test_windows_go_over_midnight(windows, now, expected):
    assert is_open(windows, time.fromisoformat(now)) is expected


def test_an_empty_configuration_is_one():
    assert Configuration().feeds == []
