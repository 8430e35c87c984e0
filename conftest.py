"""The fixtures of all tests, and the settings of all property tests.

The fixtures' plugin is named here and not as an entry point of the package: pytest rewrites every module of a package
that has one, at each start.

No deadline, since the first example often pays for what is then prepared. A run of the tests tries the same examples
each time, so that what it says is about the change it is run on; `make soak` looks for new ones, and what it finds
becomes an `@example`.
"""

from hypothesis import settings

pytest_plugins = ["kangyun.testing.plugin"]

settings.register_profile("unhurried", deadline=None, derandomize=True)
settings.register_profile("searching", deadline=None, max_examples=1000)
settings.load_profile("unhurried")
