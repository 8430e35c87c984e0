"""What the platform says, it says in Chinese and in English alike, and each text that is asked for is there."""

import ast
import json
import re
import tomllib
from pathlib import Path
from string import Formatter

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "kangyun"
PACKAGES = sorted(".".join(file.parent.parent.relative_to(SOURCE).parts) for file in SOURCE.rglob("texts/zh.toml"))
# A text id, when it stands alone in a string constant.
ID = re.compile(r"([a-z_]+(?:\.[a-z_]+)*)\.([a-z0-9]+(?:-[a-z0-9]+)*)")


def catalogue(package, language):
    return tomllib.loads((SOURCE.joinpath(*package.split(".")) / "texts" / f"{language}.toml").read_text("utf-8"))


def places(text):
    return sorted({name for _, name, _, _ in Formatter().parse(text) if name})


@pytest.mark.parametrize("package", PACKAGES)
def test_both_languages_have_the_same_texts(package):
    assert catalogue(package, "zh").keys() == catalogue(package, "en").keys()


@pytest.mark.parametrize("package", PACKAGES)
def test_both_languages_have_the_same_places(package):
    chinese, english = catalogue(package, "zh"), catalogue(package, "en")
    assert {key: places(text) for key, text in chinese.items()} == {key: places(text) for key, text in english.items()}


@pytest.mark.parametrize("package", PACKAGES)
def test_chinese_texts_are_chinese(package):
    assert [key for key, text in catalogue(package, "zh").items() if not re.search(r"[\u4e00-\u9fff]", text)] == []
    assert [key for key, text in catalogue(package, "en").items() if re.search(r"[\u4e00-\u9fff]", text)] == []


def test_every_text_that_is_asked_for_is_there():
    known = {package: catalogue(package, "zh").keys() for package in PACKAGES}
    missing = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            found = ID.fullmatch(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
            # `web.log` is a file, and a package is none.
            named = bool(found) and found[1] in known and not SOURCE.joinpath(*node.value.split(".")).is_dir()
            if found and named and found[2] not in known[found[1]] and found[2] != "log":
                missing.add(f"{path.relative_to(SOURCE)}:{node.lineno} {node.value}")
    assert sorted(missing) == []


def test_whatever_the_doctor_finds_comes_with_what_to_do():
    texts = catalogue("cli.doctor", "zh").keys()
    folder = SOURCE / "cli" / "doctor"
    found = set()
    for path in folder.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("good", "note", "wrong", "unknown"):
                found |= {(call.func.id, arg.value) for arg in call.args if isinstance(arg, ast.Constant)}
    assert len(found) > 60
    assert sorted(text for _, text in found if text not in texts) == []
    assert sorted(text for state, text in found if state != "good" and f"{text}-do" not in texts) == []


CONSOLE = sorted((SOURCE.parents[1] / "console" / "src").rglob("zh.json"))
PLACE = re.compile(r"{{(\w+)}}")


def leaves(texts, at=""):
    """Returns what a file of the console's texts says, by key."""
    found = {}
    for key, text in texts.items():
        found |= leaves(text, f"{at}{key}.") if isinstance(text, dict) else {f"{at}{key}": str(text)}
    return found


@pytest.mark.parametrize("file", CONSOLE, ids=lambda file: "/".join(file.parts[-4:-1]))
def test_the_console_says_in_both_languages_the_same(file):
    """What one of them has not is shown in the other: Chinese in an English page."""
    chinese, english = (
        leaves(json.loads(file.with_name(f"{language}.json").read_text("utf-8"))) for language in ("zh", "en")
    )
    assert sorted(chinese.keys() ^ english.keys()) == []
    unlike = [key for key in chinese if sorted(PLACE.findall(chinese[key])) != sorted(PLACE.findall(english[key]))]
    assert unlike == []


def test_the_consoles_texts_were_found():
    assert len(CONSOLE) > 30


MARKS = re.compile(r"[、；：（）]")
SPLITS = re.compile(r"""\.split\("、"\)|//.*|^\s*/?\*.*""")  # what the platform joined; comments


def test_the_console_joins_words_as_its_language_does():
    """A list with 、 on an English page: `ui/joining.ts` knows what stands between words."""
    folder = SOURCE.parents[1] / "console" / "src"
    files = [file for file in folder.rglob("*.ts*") if file.name != "joining.ts"]
    found = [
        f"{file.relative_to(folder)}:{number}"
        for file in files
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if MARKS.search(SPLITS.sub("", line))
    ]
    assert found == []
    assert len(files) > 100
