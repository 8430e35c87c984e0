"""Alerts on odd behaviour: who looked at more than others do, at relatives, at night, again and again where refused.

`data/alerts.toml` are the rules, which a region replaces by a file of its own; `rules` reads them, `watch` counts and
says what is odd, `reading` feeds it the sealed rows of the audit trail, `table` keeps what was found. An alert is a
question to a person, who looks at it and closes it with a reason; nobody is locked out by one.
"""
