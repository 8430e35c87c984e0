"""Many resources at once: `$import` and `kangyun load` in, `$export` and `kangyun export` out.

What comes in goes the way of any write: decoded, validated, indexed, committed through the gate, audited a chunk at a
time; only that several processes do it (`hands`). What goes out is read in ranges of `res` as of one instant. Both are
jobs that go on where they stopped.
"""
