"""Pairs of a whole city that may be one person, found and scored by Splink on DuckDB.

Splink blocks by the keys that the index looks up by, and scores. Between the two each comparison is made once for each
pair of values, the telling ones first, and a pair that cannot reach the least bits any more is dropped: most of those
that share a key are relatives and neighbours.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kangyun.identity.batch.exporting import FIELDS, SURE
from kangyun.identity.batch.levels import Comparing, Ints, Known, has_values, known_levels, paired
from kangyun.identity.batch.model import KEYS, ROW, Model, column_name, function_name
from kangyun.identity.batch.pairs import ALIKE, Found, Tell, frequencies, pairs_of, selected, sharing, untold

ORDER = ("sex", "birth", "number", "telephone", "name", "home", "family")
"""In which comparisons are made: cheap ones, and those that tell much, before dear ones."""
MEMORY = "8GB"


def find(
    file: Path, model: Model, *, most: int, cores: int = 2, executor: Executor | None = None, tell: Tell = untold
) -> Found:
    """Finds pairs among the registrations of a file.

    most: registrations under a key; of more it says too little. executor: of `levels.processes`.
    """
    import duckdb
    from splink import DuckDBAPI, Linker

    table = pq.read_table(file).drop_columns([FIELDS])
    connection = duckdb.connect()
    try:
        for setting, value in (("threads", cores), ("memory_limit", MEMORY), ("temp_directory", str(file.parent))):
            connection.execute(f"SET {setting} = '{value}'")
        tell("blocking")
        values, codes = _coded(table, model)
        left_out = _load(connection, table, codes, most)
        api = DuckDBAPI(connection=connection)
        linker = Linker(api.register("registration"), model.settings("duckdb"), log_level=None)
        blocked = linker.inference.compute_blocked_pairs_for_predict().physical_name
        left, right = _places(connection, f"SELECT join_key_l AS l, join_key_r AS r FROM {blocked}")
        tell("comparing")
        comparing = Comparing(model.schema, model.comparators)
        narrowed = _Narrowing(model, _Values(comparing, executor, values, codes), left, right)
        tell("scoring")
        for place, one in narrowed.known.items():
            _teach(connection, function_name(place), one)
        waiting = {"match_key": pa.repeat("0", len(narrowed.left)), "join_key_l": narrowed.left}
        kept = pa.table(waiting | {"join_key_r": narrowed.right})
        linker.table_management.register_blocked_pairs_for_predict(api.register(kept))
        for column, lookup in frequencies(model, table):
            linker.table_management.register_term_frequency_lookup(api.register(lookup), column)
        scored = linker.inference.predict(threshold_match_probability=model.least, warning_mode="never").physical_name
        predicted = connection.sql(f"SELECT {selected(model)} FROM {scored}").to_arrow_table()
        pairs = pairs_of(model, predicted, narrowed.settled)
        return Found(pairs, sharing(table, SURE, most), len(left), len(narrowed.left), left_out)
    finally:
        connection.close()


class _Values:
    """The values of each comparison, and which of them each registration has."""

    def __init__(
        self, comparing: Comparing, executor: Executor | None, values: Sequence[list[str]], codes: Sequence[Ints]
    ) -> None:
        self._comparing, self._executor, self._values, self._codes = comparing, executor, values, codes
        empty = [[one for one, text in enumerate(several) if not has_values(text)] for several in values]
        self._there = [~np.isin(mine, nothing) for mine, nothing in zip(codes, empty, strict=True)]

    def known(self, part: int, left: Ints, right: Ints) -> tuple[Known, NDArray[np.int8]]:
        """Returns the levels of all pairs of values that are there, and those of the pairs of places."""
        pairs = paired(self._codes[part][left], self._codes[part][right])
        codes, place = np.unique(pairs, return_inverse=True)
        known = known_levels(self._comparing, self._executor, part, self._values[part], codes)
        return known, known.levels[place]

    def same(self, part: int, left: Ints, right: Ints) -> NDArray[np.bool_]:
        """Returns which pairs of places have the same values, and any."""
        codes = self._codes[part]
        found: NDArray[np.bool_] = (codes[left] == codes[right]) & self._there[part][left]
        return found

    def both(self, part: int, left: Ints, right: Ints) -> NDArray[np.bool_]:
        """Returns the pairs of places both of which have any value."""
        found: NDArray[np.bool_] = self._there[part][left] & self._there[part][right]
        return found


def _coded(table: pa.Table, model: Model) -> tuple[list[list[str]], list[Ints]]:
    """Returns the different values of each comparison, and for each registration the place of its value."""
    found = [
        pc.dictionary_encode(table[column_name(place)].combine_chunks())
        for place in range(len(model.schema.comparison))
    ]
    return [one.dictionary.to_pylist() for one in found], [one.indices.to_numpy().astype(np.int64) for one in found]


def _load(connection: Any, table: pa.Table, codes: Sequence[Ints], most: int) -> int:
    """Makes the table that Splink reads. Returns how many keys are left out, since more than `most` have them."""
    columns = {column_name(place): pa.array(one) for place, one in enumerate(codes)}
    names = [name for name in table.column_names if name not in columns]
    wide = pa.table({name: table[name] for name in names} | columns)
    connection.register("wide", wide)
    connection.execute(f"CREATE TABLE spread AS SELECT {ROW}, unnest({KEYS}) AS key FROM wide")
    connection.execute("CREATE TABLE counted AS SELECT key, count(*) AS n FROM spread GROUP BY key HAVING n > 1")
    connection.execute(f"""
        CREATE TABLE registration AS
        WITH kept AS (
            SELECT s.{ROW}, list(s.key) AS {KEYS} FROM spread AS s JOIN counted AS c ON c.key = s.key AND c.n <= {most}
            GROUP BY s.{ROW}
        )
        SELECT w.* EXCLUDE ({KEYS}, {SURE}), coalesce(k.{KEYS}, []) AS {KEYS}
        FROM wide AS w LEFT JOIN kept AS k USING ({ROW})
    """)
    (left_out,) = connection.execute(f"SELECT count(*) FROM counted WHERE n > {most}").fetchone()
    connection.execute("DROP TABLE spread; DROP TABLE counted; DROP VIEW wide")
    return int(left_out)


def _places(connection: Any, query: str) -> tuple[Ints, Ints]:
    found = connection.sql(query).to_arrow_table()
    return found["l"].to_numpy(), found["r"].to_numpy()


class _Narrowing:
    """Compares pairs, cheap and telling comparisons first. After each, what cannot reach the least bits is dropped;
    what has the same name, birth, sex and number, and would be linked whatever the rest says, is settled.

    left, right: pairs that are left to be scored; known: by comparison, the levels of their values.
    """

    def __init__(self, model: Model, values: _Values, left: Ints, right: Ints) -> None:
        self.known: dict[int, Known] = {}
        self._model, self._values = model, values
        self._names = [comparison.name for comparison in model.schema.comparison]
        order = sorted(range(len(self._names)), key=lambda place: _rank(self._names[place]))
        early = [place for place in order if self._names[place] in ALIKE and self._names[place] != "name"]
        self.left, self.right, self._bits = left, right, np.zeros(len(left))
        alike = np.ones(len(left), bool)
        for place in early:
            alike = alike[self._compare(place, order)] & (self._levels == 0)
        self.settled = self._settle(alike)
        for place in order[len(early) :]:
            self._compare(place, order)

    def _compare(self, place: int, order: Sequence[int]) -> NDArray[np.bool_]:
        """Makes a comparison, and returns which pairs are kept."""
        model = self._model
        self.known[place], levels = self._values.known(place, self.left, self.right)
        # The last is level -1: missing.
        most = np.append(np.array(model.weights.comparisons[place].bits) + np.array(model.gains[place]), 0.0)
        bits = self._bits + most[levels]
        reach = bits.copy()
        for other in order[order.index(place) + 1 :]:
            reach += model.most_bits[other] * self._values.both(other, self.left, self.right)
        keep: NDArray[np.bool_] = reach >= model.least_bits
        self.left, self.right, self._bits, self._levels = self.left[keep], self.right[keep], bits[keep], levels[keep]
        return keep

    def _settle(self, alike: NDArray[np.bool_]) -> tuple[Ints, Ints, float]:
        """Takes out pairs that are settled, and returns them with the least bits that they can have."""
        model = self._model
        least = model.prior_bits + sum(
            model.least_of_top[place] if name in ALIKE else min(0.0, *model.weights.comparisons[place].bits)
            for place, name in enumerate(self._names)
        )
        same = alike & self._values.same(self._names.index("name"), self.left, self.right)
        if least < log2(model.schema.thresholds.certain / (1 - model.schema.thresholds.certain)):
            same[:] = False
        settled = self.left[same], self.right[same], least
        self.left, self.right, self._bits = self.left[~same], self.right[~same], self._bits[~same]
        return settled


def _rank(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def _teach(connection: Any, name: str, known: Known) -> None:
    """Makes a function of SQL of known levels."""

    def level(left: pa.Array, right: pa.Array) -> pa.Array:
        return pa.array(known.of(left.to_numpy(), right.to_numpy()), pa.int8())

    connection.create_function(name, level, ["BIGINT", "BIGINT"], "TINYINT", type="arrow")
