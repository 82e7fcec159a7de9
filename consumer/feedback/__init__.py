"""Checks what people say of answers against the documents, and keeps what holds as labels.

    feedback ── checking ──> label: the newest verdict on an answer, in the partition of its document
                   └──────> dead letter
    a document changes or goes ──> a tombstone for each of its labels

`checking`          makes the label of a feedback, or says why there is none
`known_labels`      what the labels topic holds of the owned partitions
`followed_documents` follows the documents of the owned partitions
`changed_documents` which documents have changed since their labels were looked at
`transaction`       what one transaction publishes, and the labels it changes
`processor`         says what a feedback or a changed document changes
`intake`            holds records until they are published, and builds the next transaction
`service`           is the loop; `wiring` builds it
"""
