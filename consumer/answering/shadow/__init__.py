"""Tries a second model on the questions of the stream, while nothing waits for the first.

    a chunk is published ──> is_chosen ──> ShadowQueue ──> ShadowModel, window by window ──> its own answers' topic
                                 │              │                    │
                              (share)     full: dropped     waits while the first model has work

It is best effort: its answers are not part of any transaction, and whatever goes wrong with it is logged and counted,
and changes no answer.
"""
