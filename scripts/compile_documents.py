"""Compiles what is known of shared documents into src/kangyun/exchange/cda/data: documents, sections, elements.

    .venv/bin/python scripts/compile_documents.py FOLDER

FOLDER holds wst500_documents.csv and data_elements.csv as collected (see SOURCE.md there). The same files give the same
bytes. What is written by hand (roles.csv, titles.csv, kinds.toml, header.toml) it leaves alone.
"""

import csv
import re
import sys
from collections.abc import Iterable
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src/kangyun/exchange/cda/data"
_SECTION = re.compile(r"(?P<code>\d{4,5}-\d|DE\d{2}\.\d{2}\.\d{3}\.\d{2}|\(no code\)) (?P<name>.+)")
UNVERIFIED = ("memory", "inferred", "unverified")


def main(folder: Path) -> None:
    """Writes the three files."""
    with (folder / "wst500_documents.csv").open(encoding="utf-8", newline="") as file:
        documents = list(csv.DictReader(file))
    with (folder / "data_elements.csv").open(encoding="utf-8", newline="") as file:
        elements = list(csv.DictReader(file))
    fields = ("standard", "code", "zh", "template", "titles", "certainty")
    write("documents.csv", fields, map(document, documents))
    write("sections.csv", ("document", "position", "code", "name", "certainty"), sections(documents))
    kept = (
        (one["data_element"], one["zh"], one["type"], one["format"].replace("....", "..").replace("...", ".."),
         one["certainty"])
        for one in elements
    )  # fmt: skip
    write("elements.csv", ("element", "zh", "type", "format", "certainty"), kept)


def document(row: dict[str, str]) -> tuple[str, ...]:
    """Returns a row of documents.csv."""
    certainty = row["certainty"]
    if any(word in certainty for word in UNVERIFIED):
        certainty = f"unverified: {certainty.replace(' (unverified)', '')}"
    return row["standard"], row["code"], row["zh"], row["templateId"], row["other_titles_seen"], certainty


def sections(documents: Iterable[dict[str, str]]) -> Iterable[tuple[str, ...]]:
    """Yields rows of sections.csv; one that stands twice is one."""
    for row in documents:
        seen = set()
        for written in filter(None, row["main_sections"].split(" | ")):
            found = _SECTION.fullmatch(written)
            if found is None:
                raise ValueError(written)
            code = "" if found["code"] == "(no code)" else found["code"]
            name = found["name"].removesuffix("章节") if not code or code.startswith("DE") else found["name"]
            if (code or name) not in seen:
                seen.add(code or name)
                yield row["code"], str(len(seen)), code, name, "seen in one of three repositories"


def write(name: str, fields: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Writes one file."""
    with (TARGET / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(fields)
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
