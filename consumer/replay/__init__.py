"""Looks at dead letters and sends them again.

    dead-letter topic ── snapshot ──> letters/ (Letter, Selection) ── planning/ (Step) ── sending/ ──> origin, or
           │                                                             │  fixes/,         │          parking topic
           │                                                             │  headers,        │  one transaction a batch:
           └── ledger: what is settled,                                  │  destinations    │  records, ledger entries,
               how often it was tried                                    │                  │  offsets
                                                                         └── checker        └──> manifests/

Nothing is removed from a dead-letter topic. A dead letter that was sent again or parked is *settled*. The ledger, a
compacted topic beside the dead-letter topic, records that and decides it alone. The offsets that the replay group
commits are derived from it.

| question | file |
|---|---|
| may this dead letter be sent again, and where to? | `planning/planner.py`, `planning/destinations.py` |
| does its destination hold something newer? | `planning/superseding.py`, `planning/latest_records.py` |
| what does the ledger say, and what is written to it? | `ledger.py` (written by `sending/sender.py`) |
| is a manifest true? | `manifests/verify.py` |
| would a dead letter pass now? | `checker.py` |
"""
