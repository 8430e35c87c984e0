"""Files as rows of text: what stands in a cell, its row's number, and nothing of what it means.

A file that cannot be read is a table without columns and one refusal; a row that cannot is a refusal with its place.
Nothing here raises for what a file holds, and no row is dropped in silence.
"""

from typing import BinaryIO

from kangyun.exchange.tables.reading import dbf, separated, settlement, workbook
from kangyun.exchange.tables.reading.model import Row, Table, unreadable

__all__ = ["Row", "Table", "read"]

_HEAD = 16
_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKUP = (b"<", b"\xef\xbb\xbf<")


def read(
    stream: BinaryIO,
    source: str,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
) -> Table:
    """Returns the table of a file that can be read from any place in it (`seek`).

    source:    what who sent it calls it: the file's name. It stands in every place.
    encoding:  as declared: gb18030, utf-8 and so on, `us7ascii` for GBK out of a database that calls itself that.
               Without one it is detected. delimiter: of a CSV. sheet: of a workbook, else its first with a header.
    """
    head = stream.read(_HEAD)
    stream.seek(0)
    if head.startswith(_ZIP):
        return workbook.read(stream, source, sheet)
    if head.startswith(_OLD_EXCEL):
        return unreadable(source, "old-excel")
    if head.lstrip().startswith(_MARKUP):
        return unreadable(source, "markup")
    if settlement.is_json(head):
        return settlement.read(stream, source)
    if dbf.is_dbf(head):
        return dbf.read(stream, source, encoding)
    return separated.read(stream, source, encoding, delimiter)
