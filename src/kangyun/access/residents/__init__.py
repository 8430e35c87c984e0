"""Residents' way in: by a code to their telephone, by WeChat, or at a desk that saw their identity card.

`Residents` proves who somebody is; the session is the register's (`access.register.Entry`). Who comes the first time is
bound: name, number of the identity card and telephone must be those of a Patient, or a registrar must have seen the
card. A name and a number alone bind nothing: they stand on every form that was ever filled in.

There is no picture puzzle: whoever cannot read the code has it read aloud (channel `voice`).
"""

from kangyun.access.residents.entrance import Arrived, Residents, Unbound

__all__ = ["Arrived", "Residents", "Unbound"]
