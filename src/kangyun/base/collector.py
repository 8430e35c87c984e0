"""Python's collector of circles, in a process that works for long: told once what it need not look at."""

import gc


def leave_alone_what_is_loaded() -> None:
    """Makes the collector pass over all that there is now, and come seldom: what work makes mostly goes by itself.

    Before: look through hundreds of thousands of definitions again and again, a tenth of what a message costs.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
