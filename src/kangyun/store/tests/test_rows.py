"""Arrays of numbers, packed and read by us, on a real server."""

import asyncpg
import pytest

from kangyun.store.rows import register

LARGE = (1 << 63) - 1


@pytest.fixture
async def connection(shared_database):
    connection = await asyncpg.connect(shared_database)
    await register(connection)
    yield connection
    await connection.close()


@pytest.mark.parametrize("kind", ["int8[]", "int4[]"])
@pytest.mark.parametrize(
    "given", [[], [7], [1, -2, 3], [None], [1, None, -3, None], list(range(2000)), (4, 5), dict.fromkeys((6, 7)).keys()]
)
async def test_arrays_of_numbers_come_back_as_they_went(connection, kind, given):
    told = await connection.fetchrow(f"SELECT $1::{kind} AS back, $1::{kind}::text AS text", given)
    assert told["back"] == list(given)
    assert told["text"] == "{" + ",".join("NULL" if one is None else str(one) for one in given) + "}"


@pytest.mark.parametrize("given", [[LARGE, -LARGE - 1], [-1 << 63]])
async def test_the_largest_numbers_fit(connection, given):
    assert await connection.fetchval("SELECT $1::int8[]", given) == given


@pytest.mark.parametrize(("kind", "given"), [("int8[]", [LARGE + 1]), ("int4[]", [1 << 31]), ("int8[]", ["1"])])
async def test_what_does_not_fit_is_refused(connection, kind, given):
    with pytest.raises(asyncpg.DataError):
        await connection.fetchval(f"SELECT $1::{kind}", given)


async def test_null_is_no_array(connection):
    assert await connection.fetchval("SELECT $1::int8[]", None) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{}", []),
        ("{1,2}", [1, 2]),
        ("{1,NULL,3}", [1, None, 3]),
        ("{{1,2},{3,4}}", [[1, 2], [3, 4]]),
        ("{{{1,2,3}},{{4,NULL,6}}}", [[[1, 2, 3]], [[4, None, 6]]]),
    ],
)
async def test_arrays_of_numbers_are_read_whatever_their_dimensions(platform, written, read):
    async with platform.pool.connection() as connection:
        for type_ in ("int8[]", "int4[]"):
            assert await connection.fetchval(f"SELECT $1::text::{type_}", written) == read
