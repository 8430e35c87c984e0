"""The checks by name. Each is a small function: it looks at one real thing of a site and gives one finding.

A module here has `CHECKS`; to add a check, add it there, name it at a requirement (`../data`), say its sentences
(`../texts`), and turn it on and off in a test.
"""

from collections.abc import Awaitable, Callable, Mapping

from kangyun.cli.doctor.security.checks import access, accounts, keys, machine, safekeeping, trail, web
from kangyun.cli.doctor.security.site import Site
from kangyun.cli.doctor.security.verdicts import Finding

Check = Callable[[Site], Awaitable[Finding]]
CHECKS: Mapping[str, Check] = {
    name: check
    for module in (access, accounts, keys, machine, safekeeping, trail, web)
    for name, check in module.CHECKS.items()
}
