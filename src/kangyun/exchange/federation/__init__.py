"""The cascade of a region: a county's node tells a city's which residents it has registered and where records lie, and
that one a province's; a doctor at one node asks for what others hold, through the gate of each. ADR 36.

`forms` makes what goes up, `nodes` is the register, `partner` calls a node above, `sending` keeps it told,
`looking` asks and answers across nodes, `relay` holds what a node below will fetch.
"""
