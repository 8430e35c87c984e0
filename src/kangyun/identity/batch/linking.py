"""A batch from the file of registrations to residents, by the rules and weights that are shipped."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kangyun.identity import rules
from kangyun.identity.batch import engine, spark
from kangyun.identity.batch.exporting import FIELDS, PLAIN
from kangyun.identity.batch.levels import Ints, processes
from kangyun.identity.batch.model import Model
from kangyun.identity.batch.pairs import Found, Tell, untold
from kangyun.identity.batch.residents import NOTHING, By, Decided, residents
from kangyun.identity.standing import MOST_OF_A_KEY

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FEW = 50_000
"""Registrations that one process links before others could begin."""


@dataclass(frozen=True)
class Linked:
    """home: for each registration the lowest place of its resident; found: the pairs that speak for it."""

    home: Ints
    found: Found


def model_by(by: By) -> Model:
    """Returns the model of a batch: pairs count from where a steward would be asked."""
    least, prior = rules.schema().thresholds.possible, rules.prior_among(by.among)
    return Model(rules.schema(), rules.shipped_weights(), rules.AT_HAND, log2(prior / (1 - prior)), least)


def link(file: Path, by: By, decided: Decided = NOTHING, *, cores: int = 2, tell: Tell = untold) -> Linked:
    """Makes residents of the registrations of a file, on DuckDB."""
    model, count = model_by(by), pq.read_metadata(file).num_rows
    several = cores > 1 and count > FEW
    with processes(cores, model.schema, model.comparators) if several else nullcontext() as executor:
        found = engine.find(file, model, most=MOST_OF_A_KEY, cores=cores, executor=executor, tell=tell)
        tell("residents")
        return _linked(file, found, by, decided, executor)


def link_on_spark(
    session: "SparkSession", file: Path, by: By, decided: Decided = NOTHING, *, tell: Tell = untold
) -> Linked:
    """Makes residents of the registrations of a file: pairs by Spark, groups of them here."""
    found = spark.find(session, file, model_by(by), most=MOST_OF_A_KEY, tell=tell)
    tell("residents")
    return _linked(file, found, by, decided, None)


def _linked(file: Path, found: Found, by: By, decided: Decided, executor: Executor | None) -> Linked:
    table = pq.read_table(file, columns=[FIELDS, PLAIN])
    fields, plain = table[FIELDS].combine_chunks(), table[PLAIN].to_numpy()

    def said(places: Sequence[int]) -> Mapping[int, str]:
        return dict(zip(places, pc.take(fields, np.array(places)).to_pylist(), strict=True))

    certain = rules.schema().thresholds.certain
    least = log2(certain / (1 - certain))
    return Linked(residents(found, plain, by, said, decided, least=least, executor=executor), found)
