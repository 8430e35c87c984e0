"""`gateway init` and `gateway add`: what has to be known is asked, one thing at a time, and tried as soon as it can be.

Whoever answers has never seen the platform: each question says what is meant and what is taken if nothing is typed, and
what the database shows of itself (tables, columns, what a value looks like) is not asked for.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from kangyun.base.errors import PlatformError
from kangyun.exchange.gateway.beside import wanted
from kangyun.exchange.gateway.checking import feeds_of
from kangyun.exchange.gateway.configuration import Centre, Configuration, Diode, Folder, Source, Table, window
from kangyun.exchange.gateway.keys import PUBLIC, client_key, keep_password
from kangyun.exchange.gateway.marks import moment_of, width_of
from kangyun.exchange.gateway.middle import FLAG, OURS, SERIAL
from kangyun.exchange.gateway.sources.dialects import dialect, dialects
from kangyun.exchange.gateway.sources.opening import Columns, Session, open_session
from kangyun.exchange.tables.mapping.model import alternatives, shipped_for
from kangyun.exchange.tables.recognition import Recognised, recognise, tables

FORMS = ("%Y%m%d%H%M%S", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d", "%Y-%m-%d")
CHARSETS = ("", "gbk", "us7ascii", "utf-8")
LIKELY = ("GXSJ", "XGSJ", "YWSCSJ", "JLGXSJ", "CZSJ", "UPDATE_TIME", "MODIFY_TIME")
"""Names of columns that say when a row was changed last; some vendors' habits, unverified."""
MOST_LOOKED = 400
CA = "centre.pem"


class Pairing(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """What the centre hands over as a file, so that less has to be typed. ca: its authority's certificate, PEM.

    feeds: the names of those that are meant for this gateway.
    """

    url: str
    client: str
    audience: str = ""
    ca: str = ""
    feeds: list[str] = []


@dataclass(slots=True)
class Asking:
    """The conversation. ask: shows a text and returns what is typed; secret: the same, unseen; tell: shows a line."""

    folder: Path
    ask: Callable[[str], str]
    secret: Callable[[str], str]
    tell: Callable[..., None]
    say: Callable[..., str]
    _feeds: list[str] | None = None
    _last: str = ""

    def begin(self, pairing: Path | None) -> Configuration:
        """Asks for all of it. Returns what was said; passwords and keys are written as they are known."""
        centre, diode = self._centre(pairing)
        key = client_key(self.folder)
        self.tell("init-key", file=str(self.folder / PUBLIC), id=key.id)
        if centre.url and self._feeds is None and not self.ask(self.say("init-registered")):
            self._feeds = self._known_feeds(centre)
        return self.add(Configuration(centre=centre, diode=diode))

    def add(self, before: Configuration) -> Configuration:
        """Asks for one more source, with its tables, or a folder."""
        if self._feeds is None and before.feeds and before.centre.url:
            self._feeds = self._known_feeds(before.centre)
        if self._choice("init-what", [self.say("init-database"), self.say("init-folder")]) == 1:
            return msgspec.structs.replace(before, folders=[*before.folders, self._folder()])
        source, password = self._source([one.name for one in before.sources])
        with_source = msgspec.structs.replace(before, sources=[*before.sources, source])
        session = self._opened(source, password)
        try:
            found = self._tables(session)
        finally:
            session.close()
        return msgspec.structs.replace(with_source, tables=[*before.tables, *found])

    def _centre(self, pairing: Path | None) -> tuple[Centre, Diode]:
        told = self._pairing(pairing)
        if told is not None:
            if told.ca:
                (self.folder / CA).write_text(told.ca, "ascii")
            ca = CA if told.ca else ""
            self._feeds = told.feeds or None
            # Where the centre cannot be reached by the address that it knows of itself.
            url = self.ask(self.say("init-url-told", url=told.url)).rstrip("/") or told.url
            return Centre(
                url=url if "://" in url else f"https://{url}", client=told.client, audience=told.audience, ca=ca
            ), Diode()
        url = self.ask(self.say("init-url")).rstrip("/")
        if not url:
            return Centre(client=self._must("init-client")), Diode(folder=str(path_of(self._must("init-diode"))))
        if "://" not in url:
            url = f"https://{url}"
        client = self._must("init-client")
        proxy = self.ask(self.say("init-proxy"))
        if proxy and (login := self.secret(self.say("init-proxy-login"))):
            keep_password(self.folder, "proxy", login)
        ca = self.ask(self.say("init-ca"))
        return Centre(url=url, client=client, proxy=proxy, ca=str(path_of(ca).resolve()) if ca else ""), Diode()

    def _pairing(self, given: Path | None) -> Pairing | None:
        written = str(given) if given else self.ask(self.say("init-pairing"))
        while written:
            try:
                return msgspec.json.decode(path_of(written).read_bytes().removeprefix(BOM_UTF8), type=Pairing)
            except (OSError, msgspec.DecodeError):
                self.tell("init-no-pairing", file=written)
                written = self.ask(self.say("init-pairing"))
        return None

    def _known_feeds(self, centre: Centre) -> list[str]:
        try:
            found = feeds_of(self.folder, centre)
        except PlatformError as error:
            self.tell(error.issues[0].text, **error.issues[0].parameters)
            self.tell("init-later")
            return []
        return [state.feed for state in found]

    def _feed(self, title: str) -> str:
        if self._feeds and len(self._feeds) == 1:
            return self._feeds[0]
        if self._feeds:
            return self._feeds[self._choice("init-feed", self._feeds, title=title)]
        while not (typed := self.ask(self.say("init-feed-name", title=title, last=self._last or "-")) or self._last):
            pass
        self._last = typed
        return typed

    def _source(self, taken: Sequence[str]) -> tuple[Source, str]:
        while True:
            source, password = self._described(taken)
            try:
                self._opened(source, password).close()
            except PlatformError as error:
                self.tell(error.issues[0].text, **error.issues[0].parameters)
                self.tell("init-again")
                continue
            if password:
                keep_password(self.folder, source.name, password)
            self.tell("init-connected")
            return source, password

    def _described(self, taken: Sequence[str]) -> tuple[Source, str]:
        kinds = list(dialects())
        kind = kinds[self._choice("init-kind", [one.title for one in dialects().values()])]
        name = next(f"{kind}{number or ''}" for number in range(len(taken) + 1) if f"{kind}{number or ''}" not in taken)
        if kind == "sqlite":
            return Source(name=name, kind=kind, database=str(path_of(self._must("init-file")))), ""
        if kind == "odbc":
            connect, host, port, database = f"odbc:{self._must('init-odbc')}", "", 0, ""
        else:
            connect = ""
            host = self._must("init-host")
            port = self._number("init-port", port=dialect(kind).port)
            database = self._must("init-oracle" if kind == "oracle" else "init-schema")
        if kind == "oracle" and (client := self.ask(self.say("init-thick"))):
            connect = f"thick:{path_of(client)}"
        user = self.ask(self.say("init-user"))
        password = self.secret(self.say("init-password")) if user else ""
        charset = CHARSETS[self._choice("init-charset", [self.say(f"init-charset-{one or 'own'}") for one in CHARSETS])]
        windows = self._windows()
        rate = self._number("init-rate")
        made = Source(
            name=name, kind=kind, host=host, port=port, database=database, user=user, charset=charset,
            connect=connect, window=windows, rate=rate,
        )  # fmt: skip
        return made, password

    def _windows(self) -> list[str]:
        while True:
            written = self.ask(self.say("init-window")).replace("，", ",")
            try:
                parts = [part.strip() for part in written.split(",") if part.strip()]
                for part in parts:
                    window(part)
                return parts
            except PlatformError as error:
                self.tell(error.issues[0].text, **error.issues[0].parameters)

    def _opened(self, source: Source, password: str) -> Session:
        return open_session(source, password)

    def _tables(self, session: Session) -> list[Table]:
        found: list[tuple[str, Columns, Recognised]] = []
        names = self._catalogue(session)
        for name in names[:MOST_LOOKED]:
            try:
                columns = session.columns(name)
            except PlatformError:
                continue  # one that this account may not read
            matches = recognise([one.upper() for one in columns.names], name)
            match = next((one for one in matches if shipped_for(one.table)), None)
            if match is not None:
                found.append((name, columns, match))
        if not found:
            self.tell("init-no-tables", looked=len(names))
            return []
        for number, (name, _, match) in enumerate(found, 1):
            mapping = shipped_for(match.table)
            title = mapping.title if mapping else ""
            self.tell("init-table", number=number, table=name, title=title, dialect=match.dialect)
        chosen = self._chosen(len(found))
        others = {match.table: name for name, _, match in reversed(found)}
        return [self._table(session, *found[place], others) for place in chosen]

    def _catalogue(self, session: Session) -> list[str]:
        if not session.dialect.catalogue:
            return self._must("init-tables").replace("，", ",").replace(" ", "").split(",")
        rows = session.ask(session.dialect.catalogue)
        parts = [[_text(cell) for cell in row] for row in rows]
        return sorted(".".join(part for part in row if part) for row in parts)

    def _chosen(self, count: int) -> list[int]:
        while True:
            typed = self.ask(self.say("init-which")).replace("，", ",")
            if not typed.strip():
                return list(range(count))
            numbers = [part.strip() for part in typed.split(",")]
            if all(part.isdecimal() and 1 <= int(part) <= count for part in numbers):
                return [int(part) - 1 for part in numbers]

    def _table(self, session: Session, name: str, columns: Columns, match: Recognised, others: dict[str, str]) -> Table:
        feed = self._feed(name)
        known = tables().get((match.dialect, match.table), {})
        by_name = {one.upper(): one for one in columns.names}
        mapping = shipped_for(match.table)
        key = [by_name[one] for one, column in known.items() if column.key and one in by_name]
        key = key or _key(by_name, mapping.key if mapping else [])
        business = _first(by_name, alternatives(mapping.day)) if mapping and mapping.day else ""
        sums = [found for one in (mapping.amounts if mapping else []) if (found := _first(by_name, alternatives(one)))]
        said: dict[str, Any] = {
            "source": session.source.name, "table": name, "feed": feed, "called": match.table, "key": key,
            "dialect": match.dialect, "business": business, "sums": sums,
            "beside": self._beside(name, match.table, columns, others),
        }  # fmt: skip
        if {FLAG, SERIAL} <= set(columns.names):
            self.tell("init-middle", table=name)
            return Table(by="flag", column=FLAG, **said)
        column = self._column(name, columns, business)
        return Table(column=column, **_kind(session, name, column), **said)

    def _beside(self, name: str, called: str, columns: Columns, others: dict[str, str]) -> str:
        """Returns the table that says whose its rows are, where it does not itself, and says so."""
        other = wanted(called, columns.names)
        if not other:
            return ""
        found = others.get(other, "")
        self.tell("init-beside" if found else "init-no-beside", table=name, other=found or other)
        return found

    def _column(self, name: str, columns: Columns, business: str) -> str:
        by_name = {one.upper(): one for one in columns.names}
        guess = _first(by_name, LIKELY) or business
        while True:
            typed = self.ask(self.say("init-column", table=name, guess=guess or "-")).strip() or guess
            if typed.upper() in by_name and typed not in OURS:
                return by_name[typed.upper()]
            self.tell("init-no-column", columns="、".join(columns.names))

    def _folder(self) -> Folder:
        path = path_of(self._must("init-drop")).resolve()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Folder(folder=str(path), feed=self._feed(str(path)))

    def _number(self, text: str, **parameters: int) -> int:
        while True:
            typed = self.ask(self.say(text, **parameters)).strip()
            if not typed or typed.isdecimal():
                return int(typed or 0)

    def _must(self, text: str) -> str:
        while True:
            typed = self.ask(self.say(text)).strip()
            if typed:
                return typed

    def _choice(self, text: str, among: Sequence[str], **parameters: str) -> int:
        listed = "\n".join(f"  {number}. {one}" for number, one in enumerate(among, 1))
        while True:
            typed = self.ask(f"{self.say(text, **parameters)}\n{listed}\n[1] ").strip() or "1"
            if typed.isdecimal() and 1 <= int(typed) <= len(among):
                return int(typed) - 1


def path_of(typed: str) -> Path:
    """Returns a path that was typed, or copied with the quotes that Windows puts around it."""
    return Path(typed.strip().strip("\"'“”").strip())


def _kind(session: Session, table: str, column: str) -> dict[str, Any]:
    """Returns by what a column rises, and how its texts are written, by one of its values."""
    one = Columns([column], [False])
    condition = f"{session.dialect.name(column)} IS NOT NULL"
    raw, cells = next(iter(session.rows(table, one, condition, most=1)), ([None], [""]))
    if isinstance(raw[0], date):
        return {"by": "time"}
    text = (cells[0] or "").strip()
    form = next((form for form in FORMS if _is_written(text, form)), "")
    if text.isdecimal() and (not form or isinstance(raw[0], int | float | Decimal)):
        # A number that is a time in its digits: 20260105080000. A day of them.
        return {"by": "number"} | ({"overlap": 1_000_000} if form == FORMS[0] else {})
    return {"by": "text", "form": form or FORMS[0]}


def _is_written(text: str, form: str) -> bool:
    """Whether a text is a time of a form; behind its seconds may stand a fraction of one."""
    try:
        is_late = moment_of(text, form).year > 1900
    except ValueError:
        return False
    return is_late and (
        len(text) == width_of(form) or (form.endswith("%S") and bool(_FRACTION.fullmatch(text[width_of(form) :])))
    )


_FRACTION = re.compile(r"[.,]?\d{1,9}")


def _first(by_name: dict[str, str], names: Sequence[str]) -> str:
    return next((by_name[name] for name in names if name in by_name), "")


def _key(by_name: dict[str, str], written: Sequence[str]) -> list[str]:
    """Returns the columns of a business key of a mapping: of `A|B` the first, of `A/B` all."""
    parts = [part.rstrip("?").split("/") for part in written]
    return [found for part in parts for one in part if (found := _first(by_name, alternatives(one.rstrip("?"))))]


def _text(cell: Any) -> str:
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell or "").strip()
