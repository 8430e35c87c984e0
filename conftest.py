"""Settings of the property tests: no deadline, since the first look at a type prepares its rules."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
