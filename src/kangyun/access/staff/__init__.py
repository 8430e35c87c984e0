"""Staff by the list: a workbook of a hospital's people is read, checked, tried, and then carried out.

`sheets` reads a workbook or a CSV as text, `rules` says what a row must be, `importing` compares with what is there and
does it, `leavers` follows what institutions' own feeds say of who has gone. The three officers are not staff of a list:
each of them is admitted by hand.
"""

from kangyun.access.staff.importing import Importer, Outcome
from kangyun.access.staff.sheets import Sheet, read_sheet, report, template, workbook, workbook_of

__all__ = ["Importer", "Outcome", "Sheet", "read_sheet", "report", "template", "workbook", "workbook_of"]
