"""Keeps the build's libraries quiet: tracers, exporters and progress bars say much that helps nobody."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warnings, log lines or progress bars inside; errors still raise."""
    logging.disable(logging.WARNING)
    try:
        quiet = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stderr(quiet), contextlib.redirect_stdout(quiet):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
