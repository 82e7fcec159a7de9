"""Finds the signature at the end of a mail: closing, name, role, telephone; a device's footer; a disclaimer.

Every line below the closing must be one of a signature. A form, a log, a postscript or a question there is what the
mail is about, and then all of it stays.
"""

from __future__ import annotations

import re
from typing import Final

from spanstream.consumer.triage.text import mail_vocabulary as vocabulary
from spanstream.consumer.triage.text.mail_lines import MAX_MARK_CHARS, MailLines, is_evidence

_LINES: Final = 9
_LINE_CHARS: Final = 80
_LINE_WORDS: Final = 9
_NAME_WORDS: Final = 3
# Without a telephone, an address or a site among them, more lines than these could be anything.
_BARE_LINES: Final = 2
_CONTACT_WORDS: Final = 5
_DISCLAIMER_SIGNS: Final = 3
_DELIMITER: Final = "-- "
_RULE: Final = re.compile(r"[-_=*~\u2013\u2014]{2,}")
_IMAGE: Final = re.compile(r"\[(?:cid|image):[^\]]*\]", re.IGNORECASE)
_SEPARATOR: Final = re.compile(r"\s*[|•·/]\s*|,\s+|\s+[-\u2013]\s+")
_COMPANY_END: Final = re.compile(r"[^?!:;]{1,60}\b(?:Ltd|Inc|B\.V|S\.A|Co)\.")
_WORD: Final = re.compile(r"[^\W\d_][\w.'\u2019-]*")
_PARTICLE: Final = re.compile(
    r"van|von|vom|zu|de[rnl]?|della|d[ai]|dos|du|la|le|el|bin|te[nr]|y|et?|und|and|of|for|&|i|og|och|en"
)


def signature_start(mail: MailLines, begin: int, end: int) -> int:
    """Returns the first line of the signature that ends at `end`; `end` if there is none."""
    start = end
    for find in (_disclaimer, _footer, _closing, _footer):
        found = find(mail, begin, start)
        if mail.is_announced(found):
            break
        start = found
    return start


def _last_with_words(mail: MailLines, begin: int, end: int) -> int:
    """Returns the last line with words of the sender's own; `begin - 1` if there is none."""
    number = end - 1
    while number >= begin and not mail.words[number]:
        number -= 1
    return begin - 1 if number >= begin and mail.quoted[number] else number


def _disclaimer(mail: MailLines, begin: int, end: int) -> int:
    """Returns where the last paragraph begins if it is a disclaimer, else `end`."""
    first = last = _last_with_words(mail, begin, end)
    while first > begin and last - first < _LINES and mail.words[first - 1] and not mail.quoted[first - 1]:
        first -= 1
    paragraph = " ".join(mail.words[first : last + 1]) if last >= begin else ""
    signs = sum(sign.search(paragraph) is not None for sign in vocabulary.DISCLAIMER)
    return first if signs >= _DISCLAIMER_SIGNS and not mail.is_mostly_evidence(first, last + 1) else end


def _footer(mail: MailLines, begin: int, end: int) -> int:
    """Returns where the last line is if a mail program wrote it ("Sent from my iPhone"), else `end`."""
    last = _last_with_words(mail, begin, end)
    if last < begin or len(mail.words[last]) > MAX_MARK_CHARS or not vocabulary.FOOTER.fullmatch(mail.words[last]):
        return end
    return last


def _closing(mail: MailLines, begin: int, end: int) -> int:
    """Returns the uppermost closing or delimiter with nothing but a signature below it; `end` if there is none."""
    first = end
    below: list[str] = []
    for number in range(_last_with_words(mail, begin, end), begin - 1, -1):
        words = mail.words[number]
        if len(below) > _LINES or mail.quoted[number] or len(words) > MAX_MARK_CHARS or is_evidence(words):
            break
        if words and _closes(mail, number, below):
            first = number
        if words and not _RULE.fullmatch(words) and not _IMAGE.fullmatch(words):
            below.insert(0, words)
    return first


def _closes(mail: MailLines, number: int, below: list[str]) -> bool:
    """Says whether this line closes a letter, and the lines below it sign it."""
    words = mail.words[number]
    begins_paragraph = number == 0 or not mail.words[number - 1]
    is_signed = bool(below) and _is_name(below[0]) and _could_sign(below)
    if mail.raw[number] == _DELIMITER:
        return is_signed
    if _RULE.fullmatch(words):
        return is_signed and begins_paragraph and any(_is_contact(line) for line in below)
    strong, weak = vocabulary.CLOSING.match(words), vocabulary.WEAK_CLOSING.match(words)
    closing = max((match.end() for match in (strong, weak) if match), default=0)
    rest = words[closing:].lstrip(" ,.!-")
    if not closing or (words[closing : closing + 1].isalnum()):
        return False
    if rest:  # "Thanks, Ann"
        has_comma = words[closing : closing + 1] in {",", "!", "."}
        return has_comma and begins_paragraph and _is_name(rest) and (not below or _could_sign([rest, *below]))
    return (is_signed or (strong is not None and not below)) and (strong is not None or begins_paragraph)


def _could_sign(lines: list[str]) -> bool:
    """Says whether these lines are name, role, company, address and contacts, and no more lines than can be judged."""
    has_contact = any(_is_contact(line) for line in lines)
    inner = [line for line in lines if not vocabulary.CLOSING.fullmatch(line.rstrip(",.!"))]
    if not has_contact and len(inner) > _BARE_LINES:
        return False
    return all(_is_contact(line) or _is_title(line) or (has_contact and _is_postal(line)) for line in inner)


def _is_name(line: str) -> bool:
    """Says whether a line begins with a person's name: one to three capitalised words, before any `|` or comma."""
    name, *titles = _SEPARATOR.split(line, maxsplit=1)
    words = [word for word in name.split() if not _PARTICLE.fullmatch(word)]
    is_written_as_one = all(_WORD.fullmatch(word) and word[0].isupper() for word in words)
    has_small_letter = any(letter.islower() for letter in name)
    return (
        0 < len(words) <= _NAME_WORDS
        and is_written_as_one
        and has_small_letter
        and not vocabulary.MACHINE.search(name)
        and len(line) <= _LINE_CHARS
        and all(_is_title(title) or _is_contact(title) for title in titles)
    )


def _is_title(line: str) -> bool:
    """Says whether a line can be a name, role, department or company: capitalised words, no sentence, no number."""
    words = line.replace("|", " ").replace("•", " ").replace(",", " ").split()
    if not words or len(line) > _LINE_CHARS or len(words) > _LINE_WORDS or line.endswith(("?", "!", ".", ":", ";")):
        return _COMPANY_END.fullmatch(line) is not None
    if any(letter.isdigit() for letter in line) or ":" in line:
        return False
    is_role = line[0].isupper() and any(vocabulary.ROLE.fullmatch(word) for word in (words[0], words[-1]))
    return all(is_role or _PARTICLE.fullmatch(word) or word[0].isupper() or not word[0].isalpha() for word in words)


def _is_contact(line: str) -> bool:
    """Says whether a line tells how to reach the sender, and little else."""
    is_machine = any(
        vocabulary.MACHINE.search(address) for address in vocabulary.ADDRESS.findall(line[:MAX_MARK_CHARS])
    )
    if len(line) > MAX_MARK_CHARS or is_machine:
        return False
    rest = line
    for pattern in (vocabulary.ADDRESS, vocabulary.PHONE, vocabulary.SITE):
        rest = pattern.sub(" ", rest)
    if rest == line:
        return False
    rest = vocabulary.CONTACT_LABEL.sub(" ", rest).strip(" <>|,;:()[]/•·-")
    has_digit = any(letter.isdigit() for letter in rest)
    return not has_digit and not is_evidence(rest) and len(rest.split()) <= _CONTACT_WORDS


def _is_postal(line: str) -> bool:
    return len(line) <= _LINE_CHARS and ":" not in line and vocabulary.STREET.search(line) is not None
