"""What takes two persons: one asks and says why, another one, of the right role, confirms or refuses.

`Approvals` keeps the requests. Who does the thing asks `granted` last: it says yes once, to who asked, for exactly what
was confirmed, and before the time is over. Kinds and their rules are data: `data/approvals.toml`.
"""

from kangyun.access.approvals.requests import Approval, Approvals, open_approvals

__all__ = ["Approval", "Approvals", "open_approvals"]
