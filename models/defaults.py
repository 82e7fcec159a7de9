"""What holds where nothing else is said; free of imports, so that reading a setting loads no runtime."""

from pathlib import Path
from typing import Final

DEFAULT_ARTIFACT: Final = Path(__file__).parent / "artifacts" / "minilm-l6-qa"
# Windows read of one document at most: 32 x 384 tokens are about 30 pages. BM25 picks among more.
DEFAULT_MAX_WINDOWS: Final = 32
# Tokens of a window, question and special tokens included ...
MAX_LENGTH: Final = 384
# ... and those of the document that it shares with the next one.
STRIDE: Final = 128
# An error message is longer than an encyclopedia's answer; 30 and 48 score the same on SQuAD.
MAX_ANSWER_TOKENS: Final = 48
