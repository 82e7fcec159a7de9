"""The ticket stream: publishes questions about each ticket, and makes a triage record of their answers.

    ticket ── text/ ──> document ── questions ──> [qa.documents, qa.questions -> the consumer -> answers, dead letters]
                                                                                      │
    triage record <── decision/ (field results, formats, rules) <── state/ <──────────┘

`playbook/`    loads and checks a playbook: which questions to ask, and the rules for route and priority
`text/`        turns a ticket into the text of its document
`questions`    makes the questions of a playbook, with their ids
`state/`       keeps what is known of each ticket in memory, and writes it to the compacted state topic
`decision/`    turns outcomes into field results, checks their formats, applies the rules, builds the record
`processor`    says what a record or a deadline changes
`outcomes_read` knows which deadlines may be judged: those up to which all answers have been read
`intake`       holds records that are not processed yet, and builds the next transaction
`service`      is the loop; `wiring` builds it
`trial`        runs one ticket without Kafka; `measuring` runs labelled ones, to see how each field is best asked
"""
