"""What a front-end machine is told: one file, `gateway.toml`, which `gateway init` writes and explains.

Passwords do not stand in it (`secrets`). Everything the gateway keeps lies in the one folder that the file lies in.
"""

import json
import os
import tomllib
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_type_hints

import msgspec

from kangyun.base.errors import Invalid
from kangyun.base.texts import say

FILE = "gateway.toml"
TEXTS = "exchange.gateway."
By: TypeAlias = Literal["time", "text", "number", "flag"]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file. What each member means stands in `texts`, under `<class>-<member>`."""


class Centre(Part, frozen=True, kw_only=True):
    """Where to, and as whom. url empty: there is no line, only `Diode`. audience empty: by the url."""

    url: str = ""
    client: str = ""
    audience: str = ""
    scope: str = "system/feeds"
    proxy: str = ""
    ca: str = ""
    certificate: str = ""
    certificate_key: str = ""
    tls: Literal["1.2", "1.3"] = "1.2"


class Disk(Part, frozen=True, kw_only=True):
    """How much of the disk is the gateway's. queue_mb: of what waits; free_mb: what stays free for others."""

    queue_mb: int = 20_000
    free_mb: int = 1_000


class Diode(Part, frozen=True, kw_only=True):
    """Where signed batch files go when there is no line; folder empty: there is a line."""

    folder: str = ""


class Source(Part, frozen=True, kw_only=True):
    """A database of the hospital. window: when it may be read, as `22:00-06:00`; rate: rows a second, 0: no limit."""

    name: str
    kind: str
    host: str = ""
    port: int = 0
    database: str = ""
    user: str = ""
    charset: str = ""
    tls: str = ""
    connect: str = ""
    window: list[str] = []
    rate: int = 0


class Table(Part, frozen=True, kw_only=True):
    """A table or view that is read. ADR 37 says how by `by`.

    called: what it is known as to the centre, empty where it is its own name. every: minutes between two readings.
    overlap: minutes before the position that are read again, for rows that came late. settle: seconds that a row is
    left alone, so that its transaction is over. business: the column of the business time, for counts by day.
    form: of `by` or `business` where they are texts, as strftime writes it. page: rows of one query.
    beside: the table of the same source that says whose a row is, where this one does not; empty: this one does.
    """

    source: str
    table: str
    feed: str
    by: By
    column: str
    called: str = ""
    dialect: str = ""
    beside: str = ""
    key: list[str] = []
    business: str = ""
    sums: list[str] = []
    form: str = "%Y%m%d%H%M%S"
    start: str = ""
    every: int = 5
    overlap: int = 1440
    settle: int = 60
    page: int = 20_000

    @property
    def place(self) -> str:
        """Its name within this gateway."""
        return f"{self.source}/{self.table}"

    @property
    def title(self) -> str:
        return self.called or self.table.rpartition(".")[2]


class Folder(Part, frozen=True, kw_only=True):
    """A drop folder. settle: seconds that a file's size must not have changed. encoding: where it is agreed."""

    folder: str
    feed: str
    dialect: str = ""
    encoding: str = ""
    settle: int = 10

    @property
    def place(self) -> str:
        """Its name within this gateway."""
        return f"folder/{self.folder}"


class Configuration(Part, frozen=True, kw_only=True):
    """All of it."""

    centre: Centre = Centre()
    disk: Disk = Disk()
    diode: Diode = Diode()
    sources: list[Source] = []
    tables: list[Table] = []
    folders: list[Folder] = []

    def source(self, name: str) -> Source:
        """Returns a source. Raises Invalid where there is none of that name."""
        found = next((one for one in self.sources if one.name == name), None)
        if found is None:
            raise Invalid(TEXTS + "no-source", name=name)
        return found

    @property
    def feeds(self) -> list[str]:
        """The feeds that anything goes to, each once."""
        return list(dict.fromkeys([one.feed for one in self.tables] + [one.feed for one in self.folders]))


def read(folder: Path) -> Configuration:
    """Returns what the file in a folder says. Raises Invalid, naming the place, for what is missing or does not fit."""
    try:
        told = tomllib.loads(_text((folder / FILE).read_bytes()))
        found = msgspec.convert(told, Configuration)
    except FileNotFoundError:
        raise Invalid(TEXTS + "no-configuration", folder=str(folder)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(TEXTS + "wrong-file", file=FILE, why=str(error)) from None
    except msgspec.ValidationError as error:
        raise Invalid(TEXTS + "wrong-file", file=FILE, why=str(error)) from None
    for table in found.tables:
        found.source(table.source)
    for source in found.sources:
        for written in source.window:
            window(written)
    places = [table.place for table in found.tables] + [one.place for one in found.folders]
    for place in places:
        if places.count(place) > 1:
            raise Invalid(TEXTS + "twice", place=place)
    return found


def _text(content: bytes) -> str:
    """Returns the file's text. An editor of an old Windows may have written it in the machine's own characters."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")


def window(written: str) -> tuple[time, time]:
    """Returns the ends of a window; it may go over midnight. Raises Invalid."""
    first, _, last = written.partition("-")
    try:
        return time.fromisoformat(first.strip()), time.fromisoformat(last.strip())
    except ValueError:
        raise Invalid(TEXTS + "wrong-window", window=written) from None


def is_open(windows: list[str], now: time) -> bool:
    """Whether one of the windows is open at a time of the day; none at all: always."""
    ends = [window(written) for written in windows]
    return not ends or any(
        (first <= now < last) if first <= last else (now >= first or now < last) for first, last in ends
    )


def write(folder: Path, configuration: Configuration) -> Path:
    """Writes the file, with each member explained in Chinese, in one step. Returns its path."""
    path = folder / FILE
    fresh = path.with_suffix(".new")
    fresh.write_text("\n".join(_lines(configuration)) + "\n", "utf-8")
    os.chmod(fresh, 0o600)
    os.replace(fresh, path)
    return path


def _lines(configuration: Configuration) -> Iterator[str]:
    yield f"# {say(TEXTS + 'file')}"
    explained: set[str] = set()
    for name in ("centre", "disk", "diode"):
        yield from ("", f"[{name}]", *_members(name, getattr(configuration, name), explained))
    for name in ("sources", "tables", "folders"):
        for one in getattr(configuration, name):
            yield from ("", f"[[{name}]]", *_members(name, one, explained))


def _members(name: str, part: Part, explained: set[str]) -> Iterator[str]:
    hints = get_type_hints(type(part))
    for member in hints:
        if f"{name}-{member}" not in explained:
            explained.add(f"{name}-{member}")
            yield f"# {say(f'{TEXTS}{name}-{member}')}"
        yield f"{member} = {_value(getattr(part, member))}"


def _value(value: Any) -> str:
    # A text of JSON is one of TOML, but for the one control character that JSON lets stand.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
