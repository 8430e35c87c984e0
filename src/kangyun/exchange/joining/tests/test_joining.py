"""What a hospital is given agrees with what its rows are held against."""

import csv
import io
import json
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from docx import Document
from openpyxl import load_workbook

from kangyun.base.errors import RuleBroken
from kangyun.base.texts import Language
from kangyun.exchange.gateway import ddl
from kangyun.exchange.gateway.asking import Pairing
from kangyun.exchange.joining import Counted, DataSet, Joining, data_sets, dialects, package
from kangyun.exchange.joining.gathering import authority_of
from kangyun.exchange.joining.sampling import broken, refused, sample
from kangyun.exchange.joining.words import Words
from kangyun.testing.certificates import self_signed

SETS = [set_ for dialect in dialects() for set_ in data_sets(dialect)]
WISH = Joining(
    "Organization/h1", "演示医院", "his", "chengdu-2011", date(2026, 11, 23), "https://example.org", "gateway-h1",
    [Counted("TB_LIS_REPORT", "", 3, 12, 10, 2, 0)],
)  # fmt: skip


def named(set_: DataSet) -> str:
    return f"{set_.dialect} {set_.table}"


@pytest.mark.parametrize("set_", SETS, ids=named)
def test_a_sample_is_taken(set_: DataSet) -> None:
    assert refused(set_, sample(set_)) == []


@pytest.mark.parametrize("set_", SETS, ids=named)
def test_a_broken_row_is_kept_aside_for_the_column_that_it_names(set_: DataSet) -> None:
    rows = list(broken(set_))
    assert rows
    assert all(column in refused(set_, row) for column, row in rows)


@pytest.mark.parametrize("set_", SETS, ids=named)
def test_what_is_a_key_or_must_be_there_says_how_it_is_read(set_: DataSet) -> None:
    assert all(field.rule for field in set_.fields if field.key or field.must)


@pytest.fixture(scope="module", params=["zh", "en"])
def language(request: pytest.FixtureRequest) -> Language:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def files(language: Language) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(package(WISH, data_sets("chengdu-2011"), language))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def of(files: dict[str, bytes], ending: str) -> list[bytes]:
    return [content for name, content in files.items() if name.endswith(ending)]


def test_a_package_has_all_that_is_promised(files: dict[str, bytes]) -> None:
    sets = data_sets("chengdu-2011")
    assert len(of(files, ".docx")) == len(of(files, ".xlsx")) == 2
    assert len(of(files, ".csv")) == 2 * len(sets)
    assert json.loads(files["pairing.json"]) == {
        "url": "https://example.org", "client": "gateway-h1", "feeds": ["his"],
    }  # fmt: skip
    scripts = [content.decode() for content in of(files, ".sql")]
    assert len(scripts) == len(ddl.dialects())
    assert all(script.count("CREATE TABLE") == len(sets) for script in scripts)
    assert len(files) == 5 + 1 + len(scripts) + 2 * len(sets)


def test_the_certificate_goes_with_the_pairing_and_no_key_does(tmp_path: Path) -> None:
    file, key = self_signed(tmp_path, "localhost")
    both = tmp_path / "both.pem"
    both.write_text(key.read_text() + file.read_text())
    wish = replace(WISH, authority=authority_of(str(both)))
    with zipfile.ZipFile(io.BytesIO(package(wish, data_sets("n041"), "zh"))) as archive:
        told = {name: archive.read(name).decode() for name in ("authority.pem", "pairing.json", "请先读我.txt")}
    assert told["authority.pem"].strip() == file.read_text().strip()
    paired = msgspec.json.decode(told["pairing.json"], type=Pairing)
    assert (paired.client, paired.ca) == ("gateway-h1", told["authority.pem"])
    assert "PRIVATE" not in "".join(told.values())
    assert "authority.pem" in told["请先读我.txt"] and "应用 gateway-h1" in told["请先读我.txt"]


@pytest.mark.parametrize("content", [None, "", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_has_no_certificate_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(RuleBroken, match="no-authority"):
        authority_of(str(file))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_readme_and_record_say_how_and_by_which_account_the_test_area_is_used(language: Language) -> None:
    for wish, account in ((WISH, "gateway-h1"), (replace(WISH, client=""), Words(language)("account-none"))):
        with zipfile.ZipFile(io.BytesIO(package(wish, data_sets("n041"), language))) as archive:
            made = {name: archive.read(name) for name in archive.namelist()}
        words = Words(language)
        assert account in made[words("readme-file")].decode()
        record = texts(Document(io.BytesIO(made[words("acceptance-file")])))
        assert account in record and words("sandbox") in record
        assert words("certificate-public") in made[words("readme-file")].decode()
        assert "authority.pem" not in made


def texts(document: Any) -> str:
    cells = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
    return "\n".join([*(one.text for one in document.paragraphs), *cells])


def test_the_specification_names_each_table_and_the_record_what_came(files: dict[str, bytes]) -> None:
    specification, acceptance = (texts(Document(io.BytesIO(content))) for content in of(files, ".docx"))
    assert all(set_.table in specification for set_ in data_sets("chengdu-2011"))
    assert "JZKSRQ" in specification
    assert "{" not in specification + acceptance
    assert "12" in acceptance and "L05" in acceptance


def test_the_sheet_of_a_table_has_its_columns_in_order(files: dict[str, bytes]) -> None:
    book = load_workbook(io.BytesIO(of(files, ".xlsx")[0]))
    (set_,) = (one for one in data_sets("chengdu-2011") if one.table == "TB_LIS_REPORT")
    written = [row[0].value for row in book["TB_LIS_REPORT"].iter_rows(min_row=2)]
    assert written == [field.column for field in set_.fields]


def test_samples_are_read_by_any_program(files: dict[str, bytes]) -> None:
    (set_,) = (one for one in data_sets("chengdu-2011") if one.table == "TB_LIS_REPORT")
    (content, *_) = of({name: one for name, one in files.items() if "TB_LIS_REPORT-" in name}, ".csv")
    rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines()))
    assert rows == [sample(set_)]
