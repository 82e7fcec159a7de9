"""Finds whole words: where an answer may begin and end. Looks at characters alone, so it holds for every tokenizer.

A place between two characters is inside a word, and no answer is cut there, when

- both sides are letters, digits, underscores or symbols other than ASCII's (`E1234`, `naïve`, `error_code`, `5€`),
- it stands in a number with points or commas (`3.14`, `v2.3.1`, `1,000`, `10.0.0.1`), or beside a full stop between
  letters (`support.example.com`, `ChunkedWriter.java`) but for one where a space was forgotten (`closed.Then`),
- what follows is attached to what stands before: combining marks, variation selectors, joiners and what they join.

Control and format characters are looked through; a terminal's escape sequences count as spaces. Scripts written without
spaces have no words to be cut: there every character may begin or end an answer. Hyphens and apostrophes are places to
cut: `Queen` may be quoted out of `Queen's`.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

import numpy as np

from spanstream.models.arrays import BoolArray, IndexArray, Int32Array, UInt8Array, UInt32Array
from spanstream.models.text.escape_sequences import without_escape_sequences

# Kinds of characters. From _MARK on: those that a simple look at both neighbours does not settle.
_SPACE, _PUNCTUATION, _COMMA, _STOP, _WORD, _DIGIT, _UNSPACED, _MARK, _JOINER, _INVISIBLE, _UNKNOWN = range(11)

# Blocks of the scripts that do not put spaces between words (first and last code point of each); planes 2 and 3,
# all ideographs, belong to them too.
_UNSPACED_BLOCKS: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0x2E80, 0x312F),  # CJK radicals and punctuation, Hiragana, Katakana, Bopomofo
    (0x31A0, 0x31FF),  # Bopomofo and Katakana extensions
    (0x3400, 0xA4CF),  # CJK ideographs, Yi
    (0xA980, 0xA9FF),  # Javanese, Myanmar extensions
    (0xAA60, 0xAADF),  # Myanmar extensions, Tai Viet
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0xFF66, 0xFF9F),  # halfwidth Katakana
    (0x16FE0, 0x18DFF),  # ideographic symbols, Tangut, Khitan
    (0x1AFF0, 0x1B2FF),  # Kana supplements, Nushu
)
_CODE_POINTS = 0x110000
# Code points outside of these are ideographs (planes 2 and 3), for private use, or not assigned.
_LOOKED_UP: Final = (range(0x20000), range(0xE0000, 0xE0200))

_KIND_OF_CATEGORY: Final = {"Mn": _MARK, "Me": _MARK, "Mc": _MARK, "Nd": _DIGIT, "Cc": _INVISIBLE, "Cf": _INVISIBLE}
_KIND_OF_MAJOR_CATEGORY: Final = {"L": _WORD, "N": _WORD, "S": _WORD, "P": _PUNCTUATION, "Z": _SPACE, "C": _UNKNOWN}

_EXCEPTIONS: Final = {
    # Controls that are white space (as `str.isspace` has it).
    **dict.fromkeys("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85", _SPACE),
    # ASCII's symbols count as punctuation, as they do for BERT.
    **dict.fromkeys("$+<=>^`|~", _PUNCTUATION),
    ",": _COMMA,
    ".": _STOP,
    "_": _WORD,
    "\u200d": _JOINER,
    # Halfwidth voiced sound marks are letters to Unicode, yet NFKC melts them into the kana before them.
    **dict.fromkeys("\uff9e\uff9f", _MARK),
    # Tags, which make a region's flag out of a black one.
    **dict.fromkeys(map(chr, range(0xE0020, 0xE0080)), _MARK),
    # Letters and symbols that are drawn as nothing: the empty Braille cell, as wide as a letter; fillers of Hangul.
    "\u2800": _SPACE,
    **dict.fromkeys("\u115f\u1160\u3164\uffa0", _INVISIBLE),
    # Stands for bytes that were no character; tokenizers drop it.
    "\ufffd": _UNKNOWN,
}


@cache
def _kinds() -> UInt8Array:
    """Returns the kind of every code point; made once, in a few hundredths of a second."""
    kinds = np.full(_CODE_POINTS, _UNKNOWN, dtype=np.uint8)
    for codes in _LOOKED_UP:
        categories = map(unicodedata.category, map(chr, codes))
        kinds[codes.start : codes.stop] = [
            _KIND_OF_CATEGORY.get(category) or _KIND_OF_MAJOR_CATEGORY[category[0]] for category in categories
        ]
    for first, last in _UNSPACED_BLOCKS:
        block = kinds[first : last + 1]
        block[(block == _WORD) | (block == _DIGIT) | (block == _PUNCTUATION)] = _UNSPACED
    kinds[0x20000:0x40000] = _UNSPACED
    for char, kind in _EXCEPTIONS.items():
        kinds[ord(char)] = kind
    return kinds


def without_invisible(text: str) -> str:
    """Returns the text without white space, control and format characters; empty where there is nothing to quote.

    Letters and symbols that are drawn as nothing (fillers of Hangul, the empty Braille cell) are left out too, and a
    terminal's escape sequences. Marks stay: tokenizers make tokens of them.
    """
    return visible_of(without_escape_sequences(text))


def visible_of(text: str) -> str:
    """Returns the same of a text that holds no escape sequences any more: what looks like one is none."""
    codes = _code_points(text)
    return codes[_is_visible(_kinds()[codes])].tobytes().decode("utf-32-le", errors="surrogatepass")


def _code_points(text: str) -> UInt32Array:
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.dtype("<u4"))


def _is_visible(kinds: UInt8Array) -> BoolArray:
    seen: BoolArray = (kinds != _SPACE) & (kinds != _INVISIBLE)
    return seen


class WordMap:
    """Where one text may be cut.

    Attributes:
        inside: (characters + 1,) whether cutting before the character (or at the text's end) would cut a word.
    """

    def __init__(self, text: str) -> None:
        text = without_escape_sequences(text)
        kinds = _kinds()[_code_points(text)]
        self.inside = np.zeros(len(kinds) + 1, dtype=np.bool_)
        if len(kinds) > 1:
            _mark_inside(text, kinds, self.inside)
        # The places of the visible characters.
        self._visible = np.flatnonzero(_is_visible(kinds))

    def numbers(self, starts: Int32Array, ends: Int32Array) -> Int32Array:
        """Returns each token's word, counted from 0, for the tokens of the whole text.

        Two neighbours share a word when there is no place to cut between them. A token without a visible character
        belongs to the word behind it (at the text's end: before it), so that no answer begins or ends with it.

        Args:
            starts: (tokens,) first character of each token, none outside of the text.
            ends: (tokens,) character after each token's last one.
        """
        seen, left, right = self._trimmed(starts, ends)
        if len(seen) == 0:
            return np.zeros(len(starts), dtype=np.int32)
        left, right = left[1:], np.maximum.accumulate(right)[:-1]
        # A cut is possible between them if one of the places from the left token's end to the right one's start allows
        # it. Where they overlap (the bytes of one character) there is no such place.
        cuts = np.concatenate(([0], np.cumsum(~self.inside)))
        parted = (left >= right) & (cuts[np.maximum(left, right) + 1] > cuts[right])
        words = np.concatenate(([0], np.cumsum(parted))).astype(np.int32)
        if len(seen) == len(starts):
            return words
        owner = np.minimum(np.searchsorted(seen, np.arange(len(starts))), len(seen) - 1)
        numbers: Int32Array = words[owner]
        return numbers

    def char_span(self, starts: Int32Array, ends: Int32Array) -> tuple[int, int]:
        """Returns the characters (start, end exclusive) of these tokens, all of one span: an answer's.

        White space and invisible characters at both ends are left out. What a tokenizer dropped at the edge of a word
        (an accent, a symbol) is taken in, so that the answer holds whole words. (0, 0) where nothing is visible.
        """
        seen, left, right = self._trimmed(starts, ends)
        if len(seen) == 0:
            return 0, 0
        start, end = int(left.min()), int(right.max())
        while self.inside[start]:
            start -= 1
        while self.inside[end]:
            end += 1
        return start, end

    def _trimmed(self, starts: Int32Array, ends: Int32Array) -> tuple[IndexArray, Int32Array, Int32Array]:
        """Returns the tokens with a visible character; of each, the first one and the place behind the last one."""
        first = np.searchsorted(self._visible, starts)
        behind = np.searchsorted(self._visible, ends)
        seen = np.flatnonzero(first < behind)
        left = self._visible[first[seen]].astype(np.int32)
        right = (self._visible[behind[seen] - 1] + 1).astype(np.int32)
        return seen, left, right


def _mark_inside(text: str, kinds: UInt8Array, inside: BoolArray) -> None:
    """Sets `inside` (characters + 1,) for all places between two characters."""
    before, after = kinds[:-1], kinds[1:]
    digit = kinds == _DIGIT
    if kinds.max() < _MARK:
        word = digit | (kinds == _WORD)
        inside[1:-1] = word[:-1] & word[1:]
    else:
        inside[1:-1] = _inside_with_marks(kinds)
    # Points in numbers, and full stops between letters, as Unicode's word boundaries have it (UAX #29, WB6, 7, 11, 12).
    letter, middle = kinds == _WORD, kinds[1:-1]
    in_number = digit[:-2] & ((middle == _COMMA) | (middle == _STOP)) & digit[2:]
    in_name = letter[:-2] & (middle == _STOP) & letter[2:]
    # A capital behind a small letter begins a sentence whose space was forgotten ("a warranty.This"), or a class.
    names = [
        stop for stop in np.flatnonzero(in_name) + 1 if not (text[stop - 1].islower() and text[stop + 1].isupper())
    ]
    points = np.array([*(np.flatnonzero(in_number) + 1), *names], dtype=np.intp)
    inside[points] = True
    inside[points + 1] = True
    # What a joiner joins may be a character that this Python's Unicode does not know yet.
    inside[1:-1] |= (before == _JOINER) & (after == _UNKNOWN)


def _inside_with_marks(kinds: UInt8Array) -> BoolArray:
    """Returns (characters - 1,): whether the place behind each character is inside a word, points not counted."""
    looked_through = kinds >= _INVISIBLE
    left = _last_kept(kinds, looked_through)[:-1]
    base = _last_kept(kinds, kinds >= _MARK)[:-1]
    right = _last_kept(kinds[::-1], looked_through[::-1])[::-1][1:]
    is_word = (right == _WORD) | (right == _DIGIT)
    words = is_word & ((base == _WORD) | (base == _DIGIT))
    # A control or format character is no base that a mark could attach to (UAX #29, GB4); any other character is one.
    carrier = _last_kept(kinds, kinds == _INVISIBLE)[:-1]
    attached = ((right == _MARK) | (right == _JOINER)) & (carrier != _SPACE)
    joined = (left == _JOINER) & (is_word | (right == _UNSPACED))
    result: BoolArray = words | attached | joined
    return result


def _last_kept(kinds: UInt8Array, skipped: BoolArray) -> UInt8Array:
    """Returns (characters,): the kind of the last character up to each that is not skipped; space where none is."""
    places = np.maximum.accumulate(np.where(skipped, -1, np.arange(len(kinds))))
    return np.where(places < 0, np.uint8(_SPACE), kinds[places])
