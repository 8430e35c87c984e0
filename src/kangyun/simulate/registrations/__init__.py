"""How institutions write people down: each in its own way, with its own errors, by a model that is data.

`data/errors/` has two models: `learning`, which matching may be tuned by, and `judging`, which it is held against. What
is written is a Patient for each registration; what is true of it, whom it is of and what went wrong, is its `Truth`.
"""

from kangyun.simulate.registrations.desk import Desk
from kangyun.simulate.registrations.form import Written
from kangyun.simulate.registrations.model import ErrorModel, error_model, models
from kangyun.simulate.registrations.truth import Truth

__all__ = ["Desk", "ErrorModel", "Truth", "Written", "error_model", "models"]
