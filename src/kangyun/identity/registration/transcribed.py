"""Whether a name in Latin letters is one in Chinese characters, by consonants: ILHAM EHMET, 伊力哈木·艾合买提. Pure.

Names of other languages are written by sound in Chinese, a syllable to a character, so that vowels are added, and h and
glides come and go; passports and other cards have them by the spelling of their own language. What both keep is the
order of the consonants, those that Chinese does not tell apart or has not being taken as one.

It is a hint, not a transcription: whoever needs one asks the language. The classes are a choice of ours.
"""

from collections.abc import Sequence
from functools import lru_cache

from kangyun.identity.registration.slips import within

LEAST = 3
"""Consonants in common from which on it says something."""
_TOGETHER = (("zh", "s"), ("ch", "s"), ("sh", "s"), ("th", "s"), ("ts", "s"), ("ph", "p"), ("kh", "k"), ("gh", "k"))
_CLASSES = str.maketrans("bpdtgkqcjxszlrmnfv", "ppttkkssssssllmnff", "aeiouwyhü' -")


def alike(syllables: Sequence[str], words: Sequence[str]) -> bool:
    """Whether words in Latin letters may be what syllables of pinyin transcribe, one consonant in four being wrong.

    Either order of the words will do.
    """
    sounds = skeleton("".join(syllables))
    return any(_near(sounds, skeleton("".join(order))) for order in (words, words[::-1]))


@lru_cache(65536)
def skeleton(word: str) -> str:
    """Returns the classes of a word's consonants in their order, each once where it is doubled."""
    word = word.casefold()
    for letters, one in _TOGETHER:
        word = word.replace(letters, one)
    signs = word.translate(_CLASSES)
    return "".join(sign for place, sign in enumerate(signs) if sign.isalpha() and signs[place - 1 : place] != sign)


def _near(one: str, other: str) -> bool:
    shorter = min(len(one), len(other))
    return shorter >= LEAST and within(one, other, shorter // 4)
