"""The demo: sample events through the real stream, and what comes out of it on a screen.

samples -> stream, triage (embedded broker, real consumer and model) -> views -> terminal -> picture
"""
