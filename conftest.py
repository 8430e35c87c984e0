"""Settings of all property tests: no deadline, since the first example often pays for what is then prepared.

A run of the tests tries the same examples each time, so that what it says is about the change it is run on; `make soak`
looks for new ones, and what it finds becomes an `@example`.
"""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None, derandomize=True)
settings.register_profile("searching", deadline=None, max_examples=1000)
settings.load_profile("unhurried")
