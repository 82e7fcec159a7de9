"""Dead letters, looked at and sent again: one stage, one file.

    dead-letter topic ── view ──> formats (Letter) ── selection ──> plan (Step) ── run ──> origin, or parking topic
           │                                             │   fixes, headers,         │  one transaction a batch:
           └── ledger: what is settled,                  │   destinations            │  records, ledger, progress
               how often it was tried                    └── check: the model        └──> manifest ── verify

Nothing is taken out of a dead-letter topic. What was sent again or parked is *settled*: the ledger, a compacted topic
beside it, says so, and is the only truth about it. The offsets that the replay group commits are derived from it.
"""
