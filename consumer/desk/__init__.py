"""Serves pages for the people who work with the answers. Needs the extra `desk`; only `opening` is imported without it.

Kafka ── view: a thread follows the topics, keeps the last rows ──> web: FastAPI, Jinja2 ──> a browser
  └──── records read on demand, by their offset ──────────────────────^
"""
