"""What a Subscription says of itself: its status and its last error, written into the resource by the platform."""

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.gate import Gate
from kangyun.base.errors import Gone, Issue, NotFound, VersionConflict
from kangyun.base.texts import say
from kangyun.fhir import Resource

ORIGIN = "subscriptions"
"""The origin of the commits that are made here: who follows the feed knows them by it."""
PLATFORM = Actor("Device/kangyun", "康云", "Organization/platform", "SYSADMIN", administrator=True)


async def write_status(
    gate: Gate, id_: str, version: int, status: str, issue: Issue | None = None, depth: int = 1
) -> int | None:
    """Writes status and error over the version that was read. Returns the new version, None when another came first.

    The error is said in Chinese and in English, as nobody asks for it in one of them.
    """
    about = Circumstances("PATCH /Subscription/[id]", "", "", depth=depth, origin=ORIGIN)
    record = await gate.open(PLATFORM, about)
    error = None
    if issue is not None:
        error = " / ".join(say(issue.text, language, issue.parameters) for language in ("zh", "en"))

    def patched(resource: Resource) -> Resource:
        changed = {name: value for name, value in resource.items() if name not in ("error", "_error")}
        return changed | {"status": status} | ({"error": error} if error else {})

    operation = record.operation("patch", "Subscription", id=id_, if_match=version, patch=patched)
    try:
        (done,) = await record.commit([operation], "update")
    except (NotFound, Gone, VersionConflict):
        return None
    return done.stored.version if done.stored else None
