"""Who acts for somebody else, by a proxy that names what he may see."""

import pytest

from kangyun.access.actor import Circumstances
from kangyun.access.identities.model import Proxy

ICD = "http://hl7.org/fhir/sid/icd-10"
PASSWORD = "Correct-horse-7"
ABOUT = Circumstances("TEST /", "", "test")


def condition(id_, code):
    coded = {"coding": [{"system": ICD, "code": code}]}
    return {"resourceType": "Condition", "id": id_, "code": coded, "subject": {"reference": "Patient/a-zhang"}}


@pytest.fixture
async def zhang(written):
    await written({"resourceType": "Patient", "id": "a-zhang"})
    await written({"resourceType": "Patient", "id": "a-wang"})
    await written(condition("a-pneumonia", "J18.9"))
    await written(condition("a-psychosis", "F20.0"))


@pytest.fixture
def seen_by(platform):
    """Signs a guardian in who has these proxies; returns what he sees."""

    async def seen(*proxies):
        identities = platform.sign_in.identities
        id_ = await identities.admit(
            "guardian", "RelatedPerson/ma", "Organization/a", "马", roles=["guardian"], vouched_by="x", evidence="x",
            handle="ma", proxies=proxies,
        )  # fmt: skip
        await identities.set_password(id_, PASSWORD)
        actor = await platform.sign_in.actor(await platform.sign_in.sign_in("ma", PASSWORD))
        record = await platform.gate.open(actor, ABOUT)
        page = await record.search(await record.read_query("Condition", []))
        return sorted(one.id for one in page.matches)

    return seen


async def test_a_guardian_sees_what_the_proxy_leaves_open(platform, zhang, seen_by):
    labels = platform.gate.labels
    assert await seen_by(Proxy("a-zhang", "GUARD", ~labels.mask("psychiatry"))) == ["a-pneumonia"]


async def test_a_proxy_that_leaves_nothing_out_shows_what_the_role_sees(zhang, seen_by):
    assert await seen_by(Proxy("a-zhang", "GUARD")) == ["a-pneumonia", "a-psychosis"]


async def test_a_proxy_that_names_labels_shows_nothing_with_any_other(platform, zhang, seen_by):
    labels = platform.gate.labels
    mask = labels.mask(*labels.categories, "level-1", "level-2", "level-3", "level-4")
    assert await seen_by(Proxy("a-zhang", "GUARD", mask)) == ["a-pneumonia"]


async def test_of_several_proxies_the_narrowest_counts_for_all(platform, zhang, seen_by):
    narrow = ~platform.gate.labels.mask("psychiatry")
    assert await seen_by(Proxy("a-zhang", "GUARD"), Proxy("a-wang", "GUARD", narrow)) == ["a-pneumonia"]
