"""The database of an installation, for commands that work on it directly: that which runs, or one started for this."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings
from kangyun.cli.folder import claimed, holder
from kangyun.cli.serve import prepare_database
from kangyun.cli.speech import announce, speak
from kangyun.database.embedded import EmbeddedServer
from kangyun.database.unfinished import refuse_unfinished


@contextmanager
def reached_database(settings: Settings, *, there: bool = False) -> Iterator[str]:
    """Gives the database's URL: the one that is set, that of a running `kangyun up`, or of a server started for this.

    there: none is made, for who looks at what there is. Raises Unavailable where it cannot be reached.
    """
    if settings.database:
        yield settings.database
        return
    server = EmbeddedServer(settings.data)
    if there and not server.exists:
        raise Unavailable("cli.no-database-there", folder=str(settings.data))
    if holder(settings.data) is not None:
        yield server.url
        return
    with claimed(settings.data, f"process {os.getpid()}"):
        refuse_unfinished(settings.data)
        announce(speak("cli.starting-database"))
        server.start()
        try:
            asyncio.run(prepare_database(server.url))
            yield server.url
        finally:
            server.stop()
