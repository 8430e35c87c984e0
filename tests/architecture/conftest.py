"""What the tests of the architecture look at: every module, loaded."""

import importlib
import pkgutil

import pytest

import kangyun


@pytest.fixture(scope="session")
def modules():
    """All modules of the product, without their tests."""
    names = (found.name for found in pkgutil.walk_packages(kangyun.__path__, "kangyun."))
    return [importlib.import_module(name) for name in names if ".tests" not in name and "__main__" not in name]
