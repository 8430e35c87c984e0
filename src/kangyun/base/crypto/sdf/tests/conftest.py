"""The test device: compiled where there is a compiler and OpenSSL's library with the national algorithms."""

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("device.c")


@pytest.fixture(scope="session")
def device(tmp_path_factory):
    """Path of the test device's library."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler (cc) for the test device, and there is none")
    library = tmp_path_factory.mktemp("sdf") / "libsdf_test.so"
    command = [compiler, "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", str(library), str(SOURCE)]
    done = subprocess.run([*command, "-l:libcrypto.so.3"], capture_output=True, text=True, check=False)
    if "cannot find -l:libcrypto" in done.stderr:
        pytest.skip("needs OpenSSL 3's libcrypto.so.3 for the test device, and there is none")
    assert done.returncode == 0, done.stderr
    return str(library)
