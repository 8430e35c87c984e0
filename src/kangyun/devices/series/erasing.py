"""What series hold of an erased person: deleted with the record. What is left of chunks in a backup no key opens."""

from collections.abc import Sequence

import asyncpg

from kangyun.access.erasing import register
from kangyun.database.statements import statements

SQL = statements("devices.series")


async def forget(connection: asyncpg.Connection, patients: Sequence[int], resources: Sequence[int]) -> None:
    """Erases samples, chunks, waves and news of persons, and what of nobody certain only their devices measured.

    The series go first: who is sealing samples of them holds these rows, and is waited for.
    """
    rows = await connection.fetch(SQL["forget_series"], list(patients))
    series = [row["id"] for row in rows]
    series += [row["id"] for row in await connection.fetch(SQL["forget_nobodys"], [row["device"] for row in rows])]
    for table in ("device_sample", "device_chunk", "device_wave", "device_news"):
        await connection.execute(f"DELETE FROM {table} WHERE series = ANY ($1::int8[])", series)


register("device series", forget)
