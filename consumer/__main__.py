"""`python -m spanstream.consumer` is the program `spanstream`."""

from __future__ import annotations

from spanstream.consumer.cli import main

if __name__ == "__main__":
    main()
