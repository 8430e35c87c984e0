"""Compiles what is known of hospitals' tables into columns.csv and elements.csv in src/kangyun/exchange/tables/data.

    .venv/bin/python scripts/compile_tables.py FOLDER

FOLDER holds tb_tables.csv, n041_columns.csv, hqms_pcodes.csv, medical_insurance_4101.csv and data_elements.csv as
collected (see SOURCE.md there). The same files give the same bytes. For HQMS the script also finds which column of N041
says the same: by the names of both, of groups with their numbers.
"""

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src/kangyun/exchange/tables/data"
FIELDS = ("dialect", "table", "column", "zh", "key", "same")
# Names of HQMS -> columns of N041, where the two name one thing differently. {n} stands for the number of the group.
SAME = {
    "机构名称": "USERNAME", "健康卡号": "JKKH", "医疗付款方式": "YLFKFS", "住院次数": "ZYCS", "病案号": "BAH",
    "姓名": "XM", "性别": "XB", "出生日期": "CSRQ", "年龄": "NL", "婚姻状况": "HY", "职业": "ZY", "民族": "MZ",
    "国籍": "GJ", "身份证号": "SFZH", "现住址": "XZZ",
    "住宅电话": "DH", "现住址邮政编码": "YB1", "工作单位及地址": "GZDWJDZ",
    "电话": "DWDH", "工作单位邮政编码": "YB3", "户口地址": "HKDZ", "户口所在地邮政编码": "YB2", "联系人姓名": "LXRXM",
    "关系": "GX", "联系人地址": "DZ", "联系人电话": "DH2", "入院途径": "RYTJ", "入院日期": "RYSJ", "入院科别": "RYKB",
    "入院病室": "RYBF", "转科科别": "ZKKB", "出院日期": "CYSJ", "出院科别": "CYKB", "出院病室": "CYBF",
    "实际住院天数": "SJZYTS", "门(急)诊诊断编码": "JBBM", "门(急)诊诊断描述": "MZZD", "主要诊断编码": "JBDM",
    "主要诊断疾病描述": "ZYZD", "主要诊断入院病情": "RYBQ", "其他诊断编码{n}": "JBDM{n}",
    "其他诊断疾病描述{n}": "QTZD{n}",
    "其他诊断入院病情{n}": "RYBQ{n}", "手术操作编码{n}": "SSJCZBM{n}",
    "手术操作日期{n}": "SSJCZRQ{n}",
    "手术级别{n}": "SSJB{n}", "手术操作名称{n}": "SSJCZMC{n}", "术者{n}": "SZ{n}", "麻醉方式{n}": "MZFS{n}",
    "麻醉医师{n}": "MZYS{n}", "Ⅰ助{n}": "YZ{n}", "Ⅱ助{n}": "EZ{n}", "过敏药物名称": "GMYW",
    "科主任": "KZR", "主(副主)任医师": "ZRYS", "主治医师": "ZZYS", "住院医师": "ZYYS",
    "离院方式": "LYFS", "住院总费用": "ZFY", "住院总费用其中自付金额": "ZFJE", "其他费": "QTF",
    "综合医疗服务类其他费用": "QTFY", "临床物理治疗费": "WLZLF",
    "麻醉费": "MAF", "手术费": "SSF", "抗菌药物费用": "KJYWF",
}  # fmt: skip


def rows(file: Path) -> list[dict[str, str]]:
    """Returns the rows of a CSV."""
    with file.open(encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def known(folder: Path) -> Iterator[dict[str, str]]:
    """Yields the columns of all tables."""
    for row in rows(folder / "tb_tables.csv"):
        keys = row["pk"].split("+")
        key = "1" if row["column"] in keys else ""
        zh = row["zh"] or row["column"]
        yield {"dialect": row["dialect"], "table": row["table"], "column": row["column"], "zh": zh, "key": key}
    front_page = rows(folder / "n041_columns.csv")
    for row in front_page:
        yield {"dialect": "n041", "table": "N041", "column": row["column"], "zh": row["zh"]}
    fees = {row["zh"].removeprefix("其中:"): row["column"] for row in front_page if row["zh"].endswith("费")}
    taken = set()
    for row in rows(folder / "hqms_pcodes.csv"):
        same = same_column(row["zh"], fees)
        same = "" if same in taken else same
        taken.add(same)
        yield {"dialect": "hqms", "table": "HQMS", "column": row["code"], "zh": row["zh"], "same": same}
    for row in rows(folder / "medical_insurance_4101.csv"):
        table = f"{row['transaction']}.{row['section']}"
        yield {"dialect": "insurance", "table": table, "column": row["field"].upper(), "zh": row["zh"]}


def same_column(name: str, fees: dict[str, str]) -> str:
    """Returns the column of N041 that an HQMS column says the same as, an empty text where there is none."""
    found = re.fullmatch(r"(\D+?)(\d*)", name)
    if found is None:
        return ""
    whole, group = SAME.get(name) or fees.get(name), SAME.get(found[1] + "{n}")
    return whole or (group.format(n=found[2]) if group and found[2] else "")


def write(name: str, fields: Sequence[str], found: Iterable[dict[str, str]]) -> None:
    """Writes a CSV of these fields."""
    with (TARGET / name).open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, fields, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    write("columns.csv", FIELDS, known(folder))
    write("elements.csv", ("data_element", "zh"), rows(folder / "data_elements.csv"))
