"""The ticket stream: tickets in, questions about them through the consumer, one triage record out for each.

    ticket ── text ── questions ──> [documents, questions -> the consumer -> answers, dead letters]
                                                                                │
    triage record <── rules <── gather (formats) <── state of the ticket <──────┘

One stage, one file: `playbook` (YAML to a checked playbook), `html`, `quotes` and `text` (ticket to document),
`questions`, `formats`, `gather`, `rules`, `record`; `state` keeps what is known of each ticket in a compacted topic,
`desk` says what a record or a deadline changes, `service` is the loop.
"""
