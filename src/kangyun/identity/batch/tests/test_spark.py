"""Two workers of Spark find the same residents as DuckDB. Needs PySpark and Java, which CI does not have."""

import os
import shutil
import sys
import warnings

import numpy as np
import pytest

from kangyun.identity.batch.linking import link, link_on_spark

pytest.importorskip("pyspark", reason="PySpark is not installed")
pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")


@pytest.fixture(scope="module")
def session():
    """A session with two workers that are processes of their own."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    local = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false"}
    builder = SparkSession.builder.master("local-cluster[2,1,1024]").config("spark.sql.shuffle.partitions", "4")
    for name, value in local.items():
        builder = builder.config(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = builder.getOrCreate()
    yield found
    found.stop()


@pytest.mark.filterwarnings("ignore")  # Spark's own.
def test_two_workers_find_the_same(session, people, by, written, tmp_path):
    file = written(people[:400], by, tmp_path / "few.parquet")
    there, here = link_on_spark(session, file, by), link(file, by)
    assert np.array_equal(there.home, here.home)
    assert np.array_equal(there.found.pairs.left, here.found.pairs.left)
    assert there.found.blocked == here.found.blocked
