"""The demo: sample tickets and their questions, and what their answers look like on a screen.

    tickets.jsonl, questions.jsonl -> samples -> (the real stream) -> views -> excerpt, highlight -> render -> picture

Nothing in this package knows Kafka or the model; `views` is all that `render` needs.
"""
