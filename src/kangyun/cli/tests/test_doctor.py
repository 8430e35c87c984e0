"""What `kangyun doctor` says of what the background work could not do, on a real database."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from kangyun.access.platform import open_platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.clock import now
from kangyun.base.errors import Invalid
from kangyun.cli.doctor import installation as examine
from kangyun.cli.load import Wish, load
from kangyun.cli.reindex import reindex
from kangyun.database import jobs
from kangyun.exchange.feeds.messages import Messages
from kangyun.exchange.hl7v2.listening import received
from kangyun.exchange.hl7v2.mapping import Feed
from kangyun.store import building, feed
from kangyun.store.building import ParameterWatch
from kangyun.testing.sequencing import give_positions

COLOUR = {
    "resourceType": "SearchParameter", "id": "colour", "url": "urn:region:colour", "name": "colour", "status": "active",
    "description": "colour", "code": "colour", "base": ["Patient"], "type": "token", "expression": "Patient.gender",
}  # fmt: skip
PATIENT = {"resourceType": "Patient", "id": "a", "name": [{"text": "张三"}]}
ALL_ENDED = "SELECT count(*) > 0 AND count(*) = count(ended) FROM job"


@pytest.fixture
def written(installation, tmp_path):
    """Writes resources into the installation."""

    def write(*resources):
        (tmp_path / "in.ndjson").write_text("\n".join(json.dumps(one) for one in resources))
        assert load(Wish([tmp_path / "in.ndjson"], again=True)) == 0

    return write


@pytest.fixture
def background(installation, make_settings, monkeypatch):
    """Does background work, which is given the platform, until a condition in SQL is true."""
    monkeypatch.setattr(feed, "BACK_OFF", 0.001)
    monkeypatch.setattr(jobs, "LOOK", 0.01)

    async def run(work, condition):
        platform = await open_platform(make_settings(data=Path("data").resolve()), installation)
        async with platform.pool.connection() as connection, asyncio.timeout(120):
            await give_positions(connection)
            working = asyncio.ensure_future(work(platform))
            while not await connection.fetchval(condition):
                await asyncio.sleep(0.01)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await platform.close()

    return lambda work, condition: asyncio.run(run(work, condition))


@pytest.fixture
def said(installation, capsys, monkeypatch):
    """What the doctor says, in a language."""

    def say(language):
        monkeypatch.setenv("KANGYUN_LANG", language)
        examine(None, None)
        return capsys.readouterr().out

    return say


async def park(platform):
    """Lets a reader fail at all that there is."""

    async def fails(_):
        raise KeyError("张三")

    await feed.Reader(platform.pool, "subscriptions", fails, from_start=True).follow(asyncio.Event())


async def watch(platform):
    """Notices search parameters and builds none."""
    store, queue = platform.gate.store, jobs.Jobs(platform.pool)
    watch = ParameterWatch(platform.pool, store.reader, store.registry, queue)
    reader = feed.Reader(
        platform.pool,
        building.FEED_NAME,
        watch.handle,
        from_start=True,
        types=building.FEED_TYPES,
        again=watch.handle_again,
    )
    await reader.follow(asyncio.Event())


async def fail(platform):
    """Lets all jobs fail."""

    async def fails(_):
        raise Invalid

    await jobs.Jobs(platform.pool).ask("export", "Device/a", b"")
    await jobs.work(platform.pool, {"export": fails, building.JOB: fails}, asyncio.Event(), idle=0.1)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_parked_event_is_told_with_its_resources_and_nothing_of_them(written, background, said, language):
    written(PATIENT)
    background(park, "SELECT count(*) > 0 FROM parked_event")
    text = said(language)
    assert "Patient/a (KeyError)" in text
    assert "parked_event" in text
    assert "张三" not in text


async def refuse(platform):
    """Takes a message of HL7 v2 that is none."""
    actor = replace(ADMINISTRATOR, institution="Organization/house-1")
    messages = Messages(platform, actor, Feed("house-1", "Organization/house-1"))
    await messages.store([received("张三".encode(), "10.0.0.9", now())])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_messages_that_are_kept_aside_are_told(background, said, language):
    background(refuse, "SELECT count(*) = 1 FROM feed_message_aside")
    text = said(language)
    assert "Organization/house-1 (1)" in text
    assert "kangyun feed aside list" in text
    assert "张三" not in text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_unusable_parameter_is_named_until_it_is_mended(written, background, said, language):
    written(COLOUR | {"expression": "Patient.where("})
    background(watch, "SELECT count(*) = 1 FROM parked_event")
    assert "SearchParameter/colour (" in said(language)
    written(COLOUR)
    background(watch, "SELECT count(*) = 0 FROM parked_event")
    assert "SearchParameter/colour" not in said(language)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_no_job_builds_is_told_until_it_was_reindexed(written, background, said, language):
    written(COLOUR)
    background(watch, "SELECT count(*) = 1 FROM job")
    assert "colour (urn:region:colour)" not in said(language)  # Its job waits.
    background(fail, ALL_ENDED)
    text = said(language)
    assert "colour (urn:region:colour)" in text
    assert "kangyun reindex" in text
    reindex(None, [], resume=False)
    assert "colour (urn:region:colour)" not in said(language)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_refused_notifications_are_told_by_their_subscription(rows, said, language):
    assert "Subscription/" not in said(language)
    rows("""
        WITH parked AS (
            INSERT INTO subscription_parked (subscription, position, res, version, status)
            VALUES (7, 1, 1, 1, 422), (7, 2, 1, 2, 422), (8, 1, 1, 1, 400) RETURNING subscription
        )
        INSERT INTO subscription (res, id, version, since, channel, actor, purpose, institution)
        SELECT DISTINCT 7, 'watch', 1, 1, 'rest-hook', 'Device/a', 'TREAT', 'Organization/a' FROM parked
    """)
    assert "Subscription/watch (2), Subscription/? (1)" in said(language)


@pytest.mark.parametrize(("language", "word"), [("zh", "后台任务失败"), ("en", "background jobs failed")])
def test_failed_jobs_are_told_with_their_reason(written, background, said, language, word):
    written(PATIENT)
    assert word not in said(language)
    background(fail, ALL_ENDED)
    (line,) = (line for line in said(language).splitlines() if word in line)
    assert "export" in line
