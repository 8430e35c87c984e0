"""The documents agree with the code: settings, commands, links, what the README promises."""

import re
import sys
from pathlib import Path

import pytest
import typer

from kangyun.cli.main import app

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

from document import OPERATIONS, TABLES, filled, of_operations, of_tables  # noqa: E402

DOCUMENTS = sorted(
    [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), *REPOSITORY.glob("benchmarks/*.md")]
)
TARGETS = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE))
COMMANDS = set(typer.main.get_group(app).commands)
MANUALS = ("安装", "运维", "对接", "使用", "常见问题")


def options(group):
    """Returns the options of all commands, those of groups below included."""
    return {option for one in group.commands.values() for p in one.params for option in p.opts}.union(
        *(options(one) for one in group.commands.values() if hasattr(one, "commands"))
    )


OPTIONS = options(typer.main.get_group(app))


def written(document):
    return document.read_text("utf-8")


def test_settings_and_commands_stand_in_the_operations_manual():
    text = written(OPERATIONS)
    assert filled(text, of_operations()) == text, "python scripts/document.py writes it anew"


def test_columns_that_stay_empty_stand_in_the_manual_of_tables():
    text = written(TABLES)
    assert filled(text, of_tables()) == text, "python scripts/document.py writes it anew"


def test_a_table_without_its_place_is_told():
    with pytest.raises(ValueError, match="settings"):
        filled("nothing", of_operations())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_somewhere(document):
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", written(document))]
    here = [link for link in links if link and "://" not in link]
    assert [link for link in here if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_what_is_named_exists(document):
    text = written(document)
    assert set(re.findall(r"`make ([a-z]+)", text)) <= TARGETS
    blocks = "\n".join(re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    assert set(re.findall(r"^make ([a-z]+)", blocks, re.MULTILINE)) <= TARGETS
    assert set(re.findall(r"(?:^|`|/)kangyun ([a-z]+)", text, re.MULTILINE)) <= COMMANDS
    named = re.findall(r"(?:^|`|/)kangyun [a-z]+ ([^`\n]*)", text, re.MULTILINE)
    assert {option for one in named for option in re.findall(r"(?<!\S)(--[a-z-]+)", one)} <= OPTIONS


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_says_how_to_run_and_test(name):
    text = written(REPOSITORY / name)
    assert "make run" in text
    assert "make test" in text


@pytest.mark.parametrize("name", MANUALS)
def test_the_manuals_are_there_and_known(name):
    assert len(written(REPOSITORY / "docs" / "zh" / f"{name}.md")) > 1000
    assert f"docs/zh/{name}.md" in written(REPOSITORY / "README.zh-CN.md")


def test_decisions_are_numbered_and_listed():
    folder = REPOSITORY / "docs" / "adr"
    decisions = sorted(path for path in folder.glob("[0-9]*.md"))
    assert [path.name[:4] for path in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    listed = written(folder / "README.md")
    assert [path.name for path in decisions if f"({path.name})" not in listed] == []
    assert [path.name for path in decisions if not written(path).startswith(f"# {int(path.name[:4])}. ")] == []
