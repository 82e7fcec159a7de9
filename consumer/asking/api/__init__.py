"""Serves `POST /v1/answers`. Needs the extra `http`; only `opening` may be imported without it.

uvicorn (server) -> FastAPI (app): token, type, body -> desk: a place, a turn -> TextAnswerer
"""
