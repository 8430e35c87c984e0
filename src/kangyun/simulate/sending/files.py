"""What goes out on a day, as the files that a hospital's export makes: one a table, or one of messages."""

import csv
import io
from collections.abc import Iterable, Iterator

from kangyun.simulate.sending.dispatch import Dispatch
from kangyun.simulate.sending.faults import habits


def folded(dispatches: Iterable[Dispatch]) -> Iterator[tuple[str, bytes]]:
    """Gives the name of each file, `institution/day/table.csv` or `.hl7`, and its bytes. Holds all of them."""
    held: dict[tuple[str, str, str], list[Dispatch]] = {}
    for one in dispatches:
        held.setdefault((one.institution, one.day.isoformat(), one.table), []).append(one)
    for (institution, day, table), rows in sorted(held.items()):
        if rows[0].way == "messages":
            yield f"{institution}/{day}/{table}.hl7", b"".join(one.message for one in rows)
        else:
            encoding = "gb18030" if institution in habits().gbk else "utf-8-sig"
            yield f"{institution}/{day}/{table}.csv", _csv(table, rows).encode(encoding)


def _csv(table: str, rows: list[Dispatch]) -> str:
    columns = habits().headers.get(table) or list(rows[0].cells)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(one.cells for one in rows)
    return text.getvalue()
