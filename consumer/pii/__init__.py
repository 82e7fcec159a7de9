"""Takes personal data out of texts before they are published.

hook.py       the function that the settings name, and what becomes of its failures
patterns.py   a ready-made one: e-mail addresses, IBANs, card and phone numbers; needs the extra `redaction`
"""

from __future__ import annotations
