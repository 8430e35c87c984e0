"""All that a search finds, page by page: for who goes through it and shows no pages."""

from collections.abc import AsyncIterator

from kangyun.access.record import Record, Stored

AT_ONCE = 500


async def every(
    record: Record, type_: str, *criteria: tuple[str, str], at_once: int = AT_ONCE, strict: bool = False
) -> AsyncIterator[Stored]:
    """Yields what matches all criteria, `("status", "requested")`. Raises as `Record.search` does."""
    cursor: list[tuple[str, str]] = []
    while True:
        asked = [*criteria, ("_count", str(at_once)), *cursor]
        page = await record.search(await record.read_query(type_, asked, strict=strict))
        for one in page.matches:
            yield one
        if page.next is None:
            return
        cursor = [("_cursor", page.next)]
