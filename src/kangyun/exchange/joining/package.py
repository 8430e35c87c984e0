"""The package as one .zip: specification, data sets, scripts, samples, test cases, acceptance record.

The same wish gives the same files but for the dates that the formats put into them.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from kangyun.access.staff import workbook
from kangyun.base.texts import Language, say
from kangyun.exchange.gateway import ddl
from kangyun.exchange.joining.describing import DataSet
from kangyun.exchange.joining.documents import acceptance, account, specification
from kangyun.exchange.joining.sampling import broken, sample
from kangyun.exchange.joining.sheets import cases, data_sets_book
from kangyun.exchange.joining.words import Words


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of one table while the feed was tested, as it was delivered: what came again counts again.

    stored: rows that passed. last: of the last delivery those that were refused.
    """

    table: str
    title: str
    deliveries: int
    received: int
    stored: int
    refused: int
    last: int


@dataclass(frozen=True, slots=True)
class Joining:
    """For whom a package is.

    institution: the reference to its Organization. feed: its name in the register. address: of the platform. client:
    the application that delivers, empty where none is registered. counted: in the tests, for the acceptance record.
    authority: certificates (PEM) by which the platform's own is known, empty for a public authority's.
    """

    institution: str
    name: str
    feed: str
    dialect: str
    day: date
    address: str = ""
    client: str = ""
    counted: Sequence[Counted] = ()
    authority: str = ""


AUTHORITY = "authority.pem"


def package(joining: Joining, sets: Sequence[DataSet], language: Language = "zh") -> bytes:
    """Returns the .zip."""
    words = Words(language)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files(joining, sets, words, language):
            archive.writestr(name, content)
    return sink.getvalue()


def _files(joining: Joining, sets: Sequence[DataSet], words: Words, language: Language) -> Iterable[tuple[str, bytes]]:
    names = {one: words(f"{one}-file") for one in ("specification", "sets", "cases", "acceptance")}
    told = {"name": joining.name, "institution": joining.institution, "day": joining.day.isoformat()}
    told["certificate"] = words("certificate" if joining.authority else "certificate-public", file=AUTHORITY)
    told["account"] = account(joining, words)
    readme = say("exchange.joining.readme", language, told | names)
    yield words("readme-file"), ("\ufeff" + readme.replace("\n", "\r\n")).encode()
    yield names["specification"], specification(joining, sets, words)
    yield names["sets"], data_sets_book(sets, words)
    yield names["cases"], workbook(words("cases"), *cases(words))
    yield names["acceptance"], acceptance(joining, sets, words)
    if joining.authority:
        yield AUTHORITY, joining.authority.encode()
    if joining.client:
        pairing: dict[str, object] = {"url": joining.address, "client": joining.client, "feeds": [joining.feed]}
        if joining.authority:
            pairing["ca"] = joining.authority
        yield "pairing.json", msgspec.json.encode(pairing)
    for database in ddl.dialects():
        yield f"scripts/{database}.sql", "\n".join(_scripts(database, sets)).encode()
    for set_ in sets:
        good = sample(set_)
        yield f"samples/{words('sample-file', table=set_.table)}.csv", _csv([*good], [good])
        wrong = [row | {words("expected"): column} for column, row in broken(set_)]
        yield f"samples/{words('broken-file', table=set_.table)}.csv", _csv([*good, words("expected")], wrong)


def _scripts(database: str, sets: Sequence[DataSet]) -> Iterable[str]:
    """Gives the middle tables of one database; a front page is a file of its own and has none."""
    return [ddl.script(database, set_.dialect, set_.table) for set_ in sets if set_.table.startswith("TB_")]


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")
