"""When an answer cuts a word, said again and independently of the program: by regular expression and Unicode names."""

from __future__ import annotations

import re
import unicodedata

_ZERO_WIDTH_JOINER = "\u200d"
# Letters by their category, and blank to the eye: no word looks longer with one.
_HANGUL_FILLERS = "\u115f\u1160\u3164\uffa0"
_UNSPACED = (
    "CJK ",
    "HIRAGANA",
    "KATAKANA",
    "HALFWIDTH KATAKANA",
    "HENTAIGANA",
    "BOPOMOFO",
    "IDEOGRAPHIC",
    "THAI",
    "LAO ",
    "KHMER",
    "MYANMAR",
    "TAI ",
    "NEW TAI LUE",
    "BALINESE",
    "JAVANESE",
    "YI ",
    "TANGUT",
    "NUSHU",
    "KHITAN",
    "VERTICAL ",
    "HANGZHOU",
    "MASU MARK",
    "OLD CHINESE ",
)


def is_unspaced(char: str) -> bool:
    """Tells whether the character's script is written without spaces between words."""
    # Not every Python names the Tangut ideographs.
    return unicodedata.name(char, "").startswith(_UNSPACED) or "\U00017000" <= char <= "\U00018dff"


def cuts_word(text: str, place: int) -> bool:
    """Tells whether nobody would cut the text there: in a word, before a mark, in a joined emoji."""
    if not 0 < place < len(text):
        return False
    before, after = text[place - 1], text[place]
    if unicodedata.combining(after) or after == _ZERO_WIDTH_JOINER or "\ufe00" <= after <= "\ufe0f":
        return _has_base(text[:place])
    if before == _ZERO_WIDTH_JOINER and unicodedata.category(after) == "So":
        return True
    if before in _HANGUL_FILLERS or after in _HANGUL_FILLERS:
        return False
    in_word = re.match(r"\w\w", before + after) is not None
    return in_word and not is_unspaced(before) and not is_unspaced(after)


def _has_base(text: str) -> bool:
    """Whether a mark behind the text belongs to something in it: not to a space, nor to nothing.

    A control or format character is no base: a mark does not attach to it (UAX #29, GB4). One that stands between a
    base and its mark is looked through, for tokenizers drop it.
    """
    while text and unicodedata.category(text[-1]) in {"Cc", "Cf"} and not text[-1].isspace():
        if text[-1] == _ZERO_WIDTH_JOINER:
            return True
        text = text[:-1]
    return bool(text) and not text[-1].isspace()
