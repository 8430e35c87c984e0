"""A list of devices as an officer sends it, and as it comes back."""

import base64
import io
from collections.abc import Sequence

from openpyxl import load_workbook

from kangyun.access.staff.sheets import workbook
from kangyun.devices.register import lists

COUNTY, OTHER = "Organization/county", "Organization/other"
LIST = (("血压计", "某厂", "BP-90", "SN-1"), ("血压计", "", "", "SN-2"), ("SOS 按钮", "", "", "SN-3"))


def sheet(rows: Sequence[Sequence[str]] = LIST) -> str:
    """Returns the list of kinds, makers, models and serial numbers, as `$enrol` takes it."""
    columns = lists.the_list().column
    header = [columns[name] for name in ("kind", "maker", "model", "serial")]
    return base64.b64encode(workbook("设备", header, rows)).decode()


def rows_of(content: str) -> list[dict[str, str]]:
    """Returns the rows of a workbook that an operation answered, by column."""
    book = load_workbook(io.BytesIO(base64.b64decode(content)))
    header, *rows = book.worksheets[0].iter_rows(values_only=True)
    return [{str(name): str(value or "") for name, value in zip(header, row, strict=True)} for row in rows]
