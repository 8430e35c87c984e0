"""What alarms hold of a resident who is erased, removed within the transaction that erases him."""

from collections.abc import Sequence

import asyncpg

from kangyun.access.erasing import register
from kangyun.database.statements import statements

SQL = statements("devices.alarms")


async def forget_patients(connection: asyncpg.Connection, patients: Sequence[int], resources: Sequence[int]) -> None:
    """Removes what alarms rest on of these registrations, and the alarms that rest on nothing else."""
    for name in ("erase_evidence", "erase_alarms", "erase_words", "erase_holders"):
        await connection.execute(SQL[name], list(patients))


register("alarms", forget_patients)
