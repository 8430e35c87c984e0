"""Looks for bytes that a parser of what hospitals send does not survive, led by what the code covers.

    .venv/bin/pip install atheris && .venv/bin/python scripts/fuzz_formats.py TARGET [options of libFuzzer]

TARGET: csv, dbf, xlsx, json, hl7, batch or frames. Useful: -max_total_time=600 -max_len=4096, and a folder of samples.
What is found becomes an `@example` of a test. atheris has wheels for x86_64 only, and so it is no part of `make soak`:
`tests/faults/test_fuzz_formats.py` is.
"""

import io
import sys
from collections.abc import Callable

import atheris

with atheris.instrument_imports(include=["kangyun.exchange"]):
    from kangyun.exchange.entries import Entry, Refusal
    from kangyun.exchange.hl7v2 import batches
    from kangyun.exchange.hl7v2.framing import Fault, Frame, Framer
    from kangyun.exchange.hl7v2.mapping import Feed, mapped
    from kangyun.exchange.hl7v2.splitting import Unreadable, split
    from kangyun.exchange.tables.mapping import Feed as TableFeed
    from kangyun.exchange.tables.mapping import convert, shipped_for
    from kangyun.exchange.tables.reading import Row, read
    from kangyun.exchange.tables.recognition import recognise

FEED = Feed("h1", "Organization/h1")
TABLE_FEED = TableFeed("h1", "Organization/h1", "h1")


def table(head: bytes) -> Callable[[bytes], None]:
    """Returns the target of a file that begins so."""

    def target(content: bytes) -> None:
        found = read(io.BytesIO(head + content), "fuzz")
        matches = recognise(found.header, "fuzz")
        mapping = shipped_for(matches[0].table) if matches else None
        for one in found.rows if mapping is None else convert(found, mapping, TABLE_FEED):
            assert isinstance(one, Entry | Refusal | Row)

    return target


def message(content: bytes) -> None:
    """One message, split and mapped."""
    try:
        found = split(b"MSH|^~\\&|HIS|H|K|R|20260105||" + content)
    except Unreadable as refused:
        assert refused.refusal.text.startswith("exchange.")
        return
    said = mapped(found, FEED)
    assert said.entries or said.refusals or said.told


def batch(content: bytes) -> None:
    """A batch."""
    try:
        batches.messages(b"BHS|^~\\&\r" + content)
    except Unreadable as refused:
        assert refused.refusal.text.startswith("exchange.")


def frames(content: bytes) -> None:
    """A stream, however it was cut."""
    framer = Framer(1024)
    found = [one for at in range(0, len(content), 7) for one in framer.feed(content[at : at + 7])] + framer.end()
    assert all(isinstance(one, Frame | Fault) for one in found)
    assert framer.kept <= 1025


TARGETS = {
    "csv": table(b"YLJGYQDM,KH,KLX,ZJHM,ZJLX,XB,XM,HYZK,CSRQ,SJHM,XGBZ\n"),
    "dbf": table(b""), "xlsx": table(b"PK\x03\x04"), "json": table(b'{"infno":"4101","input":{"setlinfo":{'),
    "hl7": message, "batch": batch, "frames": frames,
}  # fmt: skip

if __name__ == "__main__":
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()
