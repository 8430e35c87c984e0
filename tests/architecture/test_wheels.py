"""What an offline bundle needs exists: a wheel for every dependency, both processors and each Python, by file name.

The list is `scripts/bundle/wheels.txt`; a version that changes in `requirements/run.txt` without it fails here.
"""

import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts" / "bundle"))

from wheels import ARCHITECTURES, NEWEST_GLIBC, PYTHONS, Wheel, canonical, listed, missing, wanted  # noqa: E402


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_a_wheel(architecture, python):
    assert missing(listed(), architecture, python) == []


def test_no_wheel_is_listed_for_nothing():
    wheels = [Wheel.named(file) for file in listed()]
    assert [w.file for w in wheels if wanted().get(w.project) != w.version] == []
    fitting = {w.file for w in wheels for a in ARCHITECTURES for p in PYTHONS if w.fits(a, p)}
    assert sorted({w.file for w in wheels} - fitting) == []


def test_every_dependency_of_the_product_has_a_locked_version():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    names = [canonical(dependency.split(">")[0].split("[")[0]) for dependency in project["dependencies"]]
    assert [name for name in names if name not in wanted()] == []


@pytest.mark.parametrize(
    ("file", "architecture", "python", "fits"),
    [
        ("a-1-py3-none-any.whl", "aarch64", "3.13", True),
        ("a-1-py2.py3-none-any.whl", "x86_64", "3.11", True),
        ("a-1-cp311-cp311-manylinux_2_28_x86_64.whl", "x86_64", "3.11", True),
        ("a-1-cp311-cp311-manylinux_2_28_x86_64.whl", "aarch64", "3.11", False),
        ("a-1-cp311-cp311-manylinux_2_28_x86_64.whl", "x86_64", "3.12", False),
        ("a-1-cp39-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", "x86_64", "3.13", True),
        ("a-1-cp312-abi3-manylinux_2_17_x86_64.whl", "x86_64", "3.11", False),
        ("a-1-cp311-cp311-manylinux_2_34_x86_64.whl", "x86_64", "3.11", False),
        ("a-1-cp311-cp311-musllinux_1_2_x86_64.whl", "x86_64", "3.11", False),
        ("a-1-cp311-cp311-win_amd64.whl", "x86_64", "3.11", False),
        ("a-1-1build-py3-none-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl", "aarch64", "3.12", True),
    ],
)
def test_file_names_are_read_as_pip_reads_them(file, architecture, python, fits):
    assert NEWEST_GLIBC == (2, 28)
    assert Wheel.named(file).fits(architecture, python) is fits


@pytest.mark.parametrize("file", ["a-1.tar.gz", "a.whl", "a-1-py3-none.whl"])
def test_what_is_no_wheel_is_refused(file):
    with pytest.raises(ValueError, match="a"):
        Wheel.named(file)


def test_lock_files_name_versions_and_no_addresses():
    files = [*(REPOSITORY / "requirements").glob("*.txt"), REPOSITORY / "scripts" / "bundle" / "wheels.txt"]
    assert len(files) == 3
    assert [file.name for file in files if "://" in file.read_text("utf-8")] == []
    assert [file.name for file in files if "--index" in file.read_text("utf-8")] == []
