"""`python -m consumer` is `spanstream`."""

from spanstream.consumer.cli import main

if __name__ == "__main__":
    main()
