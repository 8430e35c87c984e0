"""The first page of a health commission: all figures in one answer, an institution's own people their own."""

from datetime import timedelta
from importlib.resources import files

import msgspec
import pytest

from kangyun.base import clock
from kangyun.exchange.feeds.figures import Figures
from kangyun.exchange.protocol import Declared
from kangyun.testing.provider import SITE

PATIENTS = "TB_YL_PATIENT_INFORMATION"
YESTERDAY = (clock.now() + timedelta(hours=8)).date() - timedelta(days=1)


@pytest.fixture
def overview(region):
    """Asks for the figures as somebody: status, and the figures by name."""

    async def ask(role="feed-officer", institution="Organization/commission", language="zh"):
        await region.admit(f"the-{role}", roles=(role,), institution=institution)
        token = await region.sign_in.sign_in(f"the-{role}", "Correct-horse-7")
        headers = {"authorization": f"Bearer {token}", "accept-language": language}
        answer = await region.client.get(f"{SITE}/fhir/$overview", headers=headers)
        told = answer.json()
        return answer.status_code, told, {one["id"]: one for one in told.get("figures", ())}

    return ask


@pytest.fixture
async def delivered(gateway, worked, centre, make_person):
    """Yesterday's: four declared, three came, one of them was refused; and figures were published."""
    day = f"{YESTERDAY} 08:00:00"
    rows = [make_person(1, day=day), make_person(2, day=day), make_person(3, number="1", day=day)]
    await gateway.put(1, rows)
    await worked(1)
    assert await gateway.say("/declared", [Declared(PATIENTS, YESTERDAY, 4)]) == 204
    await Figures(centre).publish(YESTERDAY.replace(day=1))


async def test_a_commission_sees_yesterday_of_all(delivered, overview):
    status, told, figures = await overview()
    assert (status, told["scope"], told["day"]) == (200, "region", YESTERDAY.isoformat())
    values = {name: figures[name]["value"] for name in ("institutions", "expected", "received", "stored", "refused")}
    assert values == {"institutions": 1, "expected": 4, "received": 3, "stored": 2, "refused": 1}
    assert (figures["timeliness"]["value"], figures["timeliness"]["level"]) == (100.0, "good")
    assert 0 < figures["completeness"]["value"] < 100
    assert (figures["drill"]["value"], figures["alarms"]["value"], figures["looks"]["value"]) == (None, 0, 0)
    assert [one["received"] for one in told["days"]] == [None] * 13 + [3]
    assert figures["records"]["kind"] == "estimate"


async def test_each_number_says_what_it_means_in_the_asker_s_language(region, overview):
    _, chinese, _ = await overview()
    _, english, figures = await overview("public-health", language="en")
    for told in (chinese, english):
        assert all(one["title"] and one["formula"] and one["source"] and one["empty"] for one in told["figures"])
    assert figures["institutions"]["title"] == "Institutions connected"
    assert not any(ord(sign) > 0x2E80 for one in english["figures"] for sign in one["title"] + one["formula"])
    assert english["edition"]


@pytest.mark.parametrize(
    ("institution", "stored", "held"), [("Organization/house-1", 2, 2), ("Organization/house-2", None, 0)]
)
async def test_an_institution_s_own_people_see_their_own(delivered, overview, institution, stored, held):
    status, told, figures = await overview("interface-officer", institution)
    assert (status, told["scope"], told["institution"]["reference"]) == (200, "institution", institution)
    assert (figures["stored"]["value"], figures["records"]["value"]) == (stored, held)
    assert "drill" not in figures


async def test_looks_of_today_are_those_that_the_watch_counted(region, centre, overview):
    _, _, before = await overview()
    async with centre.pool.connection() as connection:
        today = YESTERDAY + timedelta(days=1)
        await connection.execute(
            "INSERT INTO audit_day VALUES ('Practitioner/the-registrar', $1, 40, 9, 0, 1, 5)", today
        )
    _, _, after = await overview("public-health", "Organization/house-1")
    assert before["looks"]["value"] == 0
    assert after["looks"]["value"] == 0  # Kept for some seconds: whoever asks at once is told the same.
    _, _, own = await overview("registrar", "Organization/house-1")
    assert (own["looks"]["value"], own["looks"]["parts"]) == (5, {"people": 1, "emergencies": 1})


async def test_the_last_drill_is_what_was_measured(region, centre, overview):
    drill = {"instant": clock.now(), "backup": "b", "passed": True, "rpo": 1.5, "rto": 30.0}
    (centre.settings.data / "drill.json").write_bytes(msgspec.json.encode(drill))
    _, _, figures = await overview()
    assert figures["drill"]["parts"] == {"passed": True, "rpo": 1.5, "rto": 30.0}


async def test_who_has_nothing_to_do_with_it_is_refused(region, overview):
    status, told, _ = await overview("doctor")
    assert (status, told["issue"][0]["code"]) == (403, "forbidden")


async def test_a_region_s_own_table_says_what_it_means(region, centre, overview):
    own = centre.settings.data / "policy" / "overview.toml"
    own.write_text("edition = 1")
    status, told, _ = await overview()
    assert (status, "overview.toml" in told["issue"][0]["details"]["text"]) == (400, True)
    own.write_text(
        (files("kangyun.web.overview") / "figures.toml").read_text().replace('id = "looks"', 'id = "glances"')
    )
    status, told, _ = await overview("public-health")
    assert (status, "glances" in told["issue"][0]["details"]["text"]) == (400, True)
