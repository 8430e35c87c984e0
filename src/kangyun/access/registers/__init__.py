"""Registers by the list: institutions and their campuses, departments, and maps from local codes to national ones.

`lists` says how each list looks, `institutions`, `departments` and `maps` what a row must be and which resources it
makes; `importing` compares with what is there and writes, `exporting` writes a list of what is there. What staff is
listed as, `access.staff` knows. Workbooks are read and written by `access.staff.sheets`.
"""

from kangyun.access.registers.exporting import export
from kangyun.access.registers.importing import Outcome, import_list
from kangyun.access.registers.lists import KINDS, Kind, the_list

__all__ = ["KINDS", "Kind", "Outcome", "export", "import_list", "the_list"]
