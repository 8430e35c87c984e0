"""Who acts for somebody else, by a proxy that names what he may see."""

from datetime import timedelta

import pytest

from kangyun.access.actor import Circumstances
from kangyun.access.identities.model import Proxy
from kangyun.access.operations.everything import gathered
from kangyun.access.residents.bindings import Handle, bindings_of
from kangyun.base import clock
from kangyun.testing.linking import link

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


async def test_what_is_gathered_of_one_ward_has_nothing_of_another(zhang, written, opened):
    await written(condition("a-cough", "R05") | {"subject": {"reference": "Patient/a-wang"}})
    wards = {"patients": ("a-zhang", "a-wang")}
    record = await opened("guardian", "Organization/platform", "RelatedPerson/ma", "FAMRQT", **wards)
    found = await gathered(record, "a-wang", ("Condition",), "summary")
    assert [one.id for one in (*found.patients, *found.members)] == ["a-wang", "a-cough"]


async def test_a_proxy_that_leaves_nothing_out_shows_what_the_role_sees(zhang, seen_by):
    assert await seen_by(Proxy("a-zhang", "GUARD")) == ["a-pneumonia", "a-psychosis"]


async def test_a_proxy_that_names_labels_shows_nothing_with_any_other(platform, zhang, seen_by):
    labels = platform.gate.labels
    mask = labels.mask(*labels.categories, "level-1", "level-2", "level-3", "level-4")
    assert await seen_by(Proxy("a-zhang", "GUARD", mask)) == ["a-pneumonia"]


async def test_of_several_proxies_the_narrowest_counts_for_all(platform, zhang, seen_by):
    narrow = ~platform.gate.labels.mask("psychiatry")
    assert await seen_by(Proxy("a-zhang", "GUARD"), Proxy("a-wang", "GUARD", narrow)) == ["a-pneumonia"]


@pytest.fixture
async def linked(platform, zhang, written):
    """Another registration, linked with the one that a proxy names: what is known of it is known of Zhang."""
    other = await written({"resourceType": "Patient", "id": "b-zhang"}, "Organization/b")
    asthma = condition("b-asthma", "J45.9") | {"subject": {"reference": "Patient/b-zhang"}}
    await written(asthma, "Organization/b")
    async with platform.pool.connection() as connection:
        current = await platform.gate.store.reader.locate(connection, [("Patient", "a-zhang")])
        one = current["Patient", "a-zhang"].res
        await link(connection, one, one)
        await link(connection, other.res, one)


@pytest.fixture
def bind(platform):
    """Binds a telephone to registrations, whose linked ones open so many days from now; None: not at all."""

    async def bound(days, *patients):
        bindings = bindings_of(platform.pool, platform.gate.store.keys, platform.gate.ledger)
        whole = clock.now() + timedelta(days=days) if days is not None else None
        await bindings.bind(Handle("phone", "13800000001"), patients, "test", whole=whole)

    return bound


FIRST, ALL = ["a-pneumonia", "a-psychosis"], ["a-pneumonia", "a-psychosis", "b-asthma"]


async def test_a_guardian_whose_admission_vouched_for_the_ward_sees_what_is_linked(linked, seen_by):
    assert await seen_by(Proxy("a-zhang", "GUARD")) == ALL


@pytest.mark.parametrize(("days", "seen"), [(None, FIRST), (7, FIRST), (-1, ALL)])
async def test_he_sees_no_more_than_a_ward_who_has_proven_a_part(linked, seen_by, bind, days, seen):
    await bind(days, "a-zhang")
    assert await seen_by(Proxy("a-zhang", "GUARD")) == seen


async def test_of_several_wards_the_least_proven_counts_for_all(linked, seen_by, bind):
    await bind(None, "a-wang")
    assert await seen_by(Proxy("a-zhang", "GUARD"), Proxy("a-wang", "GUARD")) == FIRST
