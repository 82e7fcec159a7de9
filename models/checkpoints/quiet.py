"""Keeps the build's libraries quiet: tracers, exporters and progress bars write much that helps nobody."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppresses warnings, log lines and progress bars inside the block; errors still raise."""
    logging.disable(logging.WARNING)
    try:
        discarded = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stderr(discarded), contextlib.redirect_stdout(discarded):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
