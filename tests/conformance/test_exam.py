"""The exam's screen: who sees it, and what it shows."""

import msgspec
import pytest

from kangyun.access.actor import Actor
from kangyun.base import clock
from kangyun.exchange.exam.model import FILE, Line, report
from kangyun.testing.people import know

DOCTOR = Actor("Practitioner/li", "李医生", "Organization/county", "TREAT", role="doctor")


@pytest.fixture
def examined(tmp_path):
    """An installation whose last exam had one line."""
    line = Line(id="own:TimeQuery", list="services", standard="", name="TimeQuery", covered="yes", outcome="passed")
    (tmp_path / FILE).write_bytes(msgspec.json.encode(report([line], clock.now(), "1")))


@pytest.mark.usefixtures("examined")
@pytest.mark.parametrize(("language", "said"), [("zh", "通过"), ("en", "passed")])
async def test_who_runs_the_installation_sees_it_in_his_language(client, language, said):
    answer = await client.get("$exam", headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    assert [cell for cell in answer.json()["rows"][0] if cell == said] == [said]
    assert answer.json()["lines"][0]["id"] == "own:TimeQuery"


@pytest.mark.usefixtures("examined")
async def test_nobody_else_sees_it(open_client, monkeypatch):
    know(monkeypatch, {"doctor": DOCTOR})
    assert (await (await open_client(token="doctor")).get("$exam")).status_code == 403
    assert (await (await open_client(token=None)).get("$exam")).status_code == 401


async def test_before_the_first_exam_there_is_none(client):
    assert (await client.get("$exam")).status_code == 404
    assert (await client.post("$exam")).status_code == 405


async def test_a_report_that_cannot_be_read_is_told(client, tmp_path):
    (tmp_path / FILE).write_text("{")
    assert (await client.get("$exam")).status_code == 503
