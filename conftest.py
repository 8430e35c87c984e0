"""Settings of all property tests: no deadline, since the first example often pays for what is then prepared."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
