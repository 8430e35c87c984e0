"""What the centre says became of deliveries, told to those whose rows they were.

Of a middle table: the flag of each row, and why. Of a view or a file: lines in a report of the day, by the key of the
row or its number in the file, to be looked at and put right where the rows come from.
"""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kangyun.base.texts import say
from kangyun.exchange.gateway.middle import ASIDE, TAKEN, TRIED
from kangyun.exchange.gateway.pace import beijing
from kangyun.exchange.gateway.queue import Kept, Queue
from kangyun.exchange.protocol import Answered, Refused

REPORTS = "returned"
HEADER = ("表或文件", "行", "主键", "字段", "原值（遮盖）", "错误代码", "错误描述", "整行未采用")


@dataclass(frozen=True, slots=True)
class Answering:
    """Takes answers in. folder: the gateway's, where the reports are."""

    queue: Queue
    folder: Path

    def take(self, feed: str, answers: Sequence[Answered]) -> None:
        """Takes in what became of deliveries, in the order of their numbers. It may be told the same again."""
        for answered in answers:
            kept = self.queue.kept_one(feed, answered.number)
            about = kept.about if kept else {}
            verdicts = []
            file = None
            if kept and "rows" in about:
                verdicts = [
                    (kept.place, row, bytes.fromhex(digest), flag, code, text)
                    for row, digest, (flag, code, text) in zip(
                        about["rows"], about["digests"], _flags(answered, len(about["rows"])), strict=True
                    )
                ]
            elif kept and answered.refused and about is not None:
                self._report(kept, answered)
            if kept and "file" in about:
                file = (kept.place, about["file"], about["digest"])
            aside = sum(refused.whole for refused in answered.refused)
            self.queue.answered(feed, answered.number, answered.fate, verdicts, aside, file)

    def _report(self, kept: Kept, answered: Answered) -> None:
        if not kept.about and not kept.rows:
            return
        path = self.folder / REPORTS / f"{beijing():%Y%m%d}.csv"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        if not path.exists():
            writer.writerow(HEADER)
        for refused in answered.refused:
            writer.writerow(map(_harmless, _line(kept, refused)))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as stream:
            stream.write((b"" if stream.tell() else b"\xef\xbb\xbf") + text.getvalue().encode())


def _flags(answered: Answered, rows: int) -> list[tuple[str, str, str]]:
    """Returns flag, code and text for each row of a delivery."""
    whole = [refused for refused in answered.refused if refused.row is None]
    if answered.fate == "failed":
        first = whole[0] if whole else Refused("failed", say("exchange.gateway.failed-whole"))
        return [(ASIDE, first.code, first.text)] * rows
    flags = [(TAKEN, TRIED if answered.fate == "tried" else "", "")] * rows
    by_row: dict[int, list[Refused]] = {}
    for refused in answered.refused:
        if refused.row is not None and 1 <= refused.row <= rows:
            by_row.setdefault(refused.row, []).append(refused)
    for row, refusals in by_row.items():
        refusals.sort(key=lambda one: not one.whole)
        text = "；".join(f"{one.part} {one.text}".strip() for one in refusals)
        is_aside = refusals[0].whole
        code = TRIED if answered.fate == "tried" and not is_aside else refusals[0].code
        flags[row - 1] = (ASIDE if is_aside else TAKEN, code, text)
    return flags


def _line(kept: Kept, refused: Refused) -> Sequence[str]:
    about, row, key = kept.about, refused.row, ""
    name = about.get("file") or kept.place
    if row is not None and "keys" in about and 1 <= row <= len(about["keys"]):
        key = " ".join(
            f"{column}={cell or ''}" for column, cell in zip(about["key"], about["keys"][row - 1], strict=True)
        )
    if row is not None and "file" in about and row > 1:
        row += about["skipped"]
    return (
        name, "" if row is None else str(row), key, refused.part, refused.shown, refused.code, refused.text,
        "是" if refused.whole else "否",
    )  # fmt: skip


def _harmless(cell: str) -> str:
    # A spreadsheet would take it for a formula.
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t")) else cell
