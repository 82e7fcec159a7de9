"""The command line: one program, one file a command.

`main` turns errors into one line and an exit code: 0 done, 1 a failure explained in one line, 2 wrong usage,
130 ended by Ctrl-C, 143 by SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys

from spanstream.consumer.cli.exit_codes import FAILED, INTERRUPTED, TERMINATED
from spanstream.consumer.cli.program import app
from spanstream.consumer.errors import SpanstreamError
from spanstream.consumer.terminal.sanitizing import sanitized_line
from spanstream.models.errors import ModelError


def main() -> None:
    """Runs the program `spanstream`. SIGTERM ends it in good order, also as process 1, which ignores it otherwise."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    if sys.stdin is None:  # it was closed
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115  open as long as the program
    try:
        app(prog_name="spanstream")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (SpanstreamError, ModelError) as error:
        print(f"spanstream: {sanitized_line(str(error))}", file=sys.stderr)  # noqa: T201  the one line of a failure
        sys.exit(FAILED)
    except BrokenPipeError:
        # The program that read our output has closed it: it needs no more.
        sys.stderr.close()
        sys.exit(0)
