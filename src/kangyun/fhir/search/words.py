"""Text as search sees it: folded, in words and in parts of words; Chinese by characters and by pinyin.

Source: https://hl7.org/fhir/R4/search.html#string (case, accents and white space do not count).
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

LONGEST = 600
"""Characters of a string value that are searched; a b-tree entry holds no more."""
MOST_TEXTS = 4_096
MOST_WORDS = 50_000
"""Words whose readings are kept at hand: characters, and phrases of addresses and names."""

_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[a-z0-9]+|[^\W_a-z0-9]", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>|&[#\w]+;")
_CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def folded(text: str) -> str:
    """Returns the text in lower case, without accents, wide forms made narrow, white space single."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(sign for sign in text if not unicodedata.combining(sign))
        text = unicodedata.normalize("NFC", text)
        text = text.casefold()
    else:
        text = text.lower()
    return _SPACE.sub(" ", text).strip()[:LONGEST]


def words(text: str) -> list[str]:
    """Returns the different words of a text, each Chinese character being one."""
    return list(dict.fromkeys(_WORD.findall(folded(text))))


def narrative_words(div: str) -> list[str]:
    """Returns the words of an XHTML narrative without its tags."""
    return words(_TAG.sub(" ", div))


def grams(text: str) -> Iterator[str]:
    """Gives the parts by which a folded text is found anywhere inside: three letters, or one and two with Chinese."""
    if _CJK.search(text):
        yield from _CJK.findall(text)
        yield from _mixed(text)
    else:
        yield from (text[i : i + 3] for i in range(len(text) - 2))


def query_grams(text: str) -> list[str]:
    """Returns the parts that every text containing `text` must have; none for one or two letters."""
    if not _CJK.search(text):
        return list(dict.fromkeys(text[i : i + 3] for i in range(len(text) - 2)))
    return [text] if len(text) == 1 else list(dict.fromkeys(_mixed(text)))


def _mixed(text: str) -> Iterator[str]:
    """Gives pairs with a Chinese character, and three letters where there is none."""
    chinese = [_CJK.match(sign) is not None for sign in text]
    for i in range(len(text) - 1):
        if chinese[i] or chinese[i + 1]:
            yield text[i : i + 2]
        elif i + 2 < len(text) and not chinese[i + 2]:
            yield text[i : i + 3]


@lru_cache(MOST_TEXTS)
def searched(text: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Returns a text folded, its parts, and what people type for it: several parameters ask for one value."""
    plain = folded(text)
    return plain, tuple(grams(plain)), tuple(pinyin(plain))


def pinyin(text: str) -> list[str]:
    """Returns what people type for a Chinese text: full pinyin with and without spaces, and initials."""
    if not _CJK.search(text):
        return []
    # Its dictionaries take a quarter of a second: only for who meets Chinese, or loads them ahead of it.
    from pypinyin.seg.simpleseg import seg

    syllables = [syllable for word in seg(text) for syllable in _syllables(word)]
    joined = "".join(syllables)
    return list(dict.fromkeys((joined, " ".join(syllables), "".join(s[0] for s in syllables if s))))


@lru_cache(MOST_WORDS)
def _syllables(word: str) -> tuple[str, ...]:
    """Returns how one word is read: a phrase that pypinyin knows, or what lies between two."""
    from pypinyin import Style, lazy_pinyin

    return tuple(syllable.lower() for syllable in lazy_pinyin(word, style=Style.NORMAL))
