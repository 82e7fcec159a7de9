"""One small tokenizer of each kind that encoders for question answering use, trained on the spot.

The WordPiece ones are BERT's, uncased and cased; byte-level BPE is RoBERTa's, with and without the space in front;
Unigram with Metaspace stands for ALBERT and DeBERTa-v2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors, trainers

from spanstream.models.text.tokenization import Tokenizer

_TEXT = (
    "The train to Zürich leaves at 10:42 from platform 7; the fare is 1,280.50 francs, or 95€ with a card.",
    "Error code ERR_CONN_5021 is shown when the server (v2.3.1) closes the connection before the request is sent.",
    "A naïve café owner in São Paulo couldn't find the résumé; İstanbul and ılık are spelled with other letters.",
    "What error code is shown? Who wrote the book about the history of the railway, and when was it published?",
    "השלום יהיה בעיר מחר בבוקר, ואז נלך לים.",
    "हिन्दी में यह वाक्य छोटा है और सरल भी।",
    "안녕하세요, 기차는 일곱 시에 출발합니다.",
    "列車は七時に東京駅を出発します。北京的火车站很大。",
    "รถไฟออกเวลาเจ็ดโมงเช้า",
    "To reset the router, hold the button for 10 seconds; the light turns from red to green. Then restart the app.",
)
_VOCABULARY = 420


def _corpus() -> Iterator[str]:
    # Repeated, so that common pieces are merged while rare ones stay apart.
    for _ in range(5):
        yield from _TEXT


def _bert(*, lowercase: bool) -> Any:
    fast = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106  no secret
    fast.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    fast.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    fast.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    fast.train_from_iterator(_corpus(), trainers.WordPieceTrainer(vocab_size=_VOCABULARY, special_tokens=special))
    fast.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, fast.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return fast


def _roberta(*, add_prefix_space: bool) -> Any:
    fast = tokenizers.Tokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    fast.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True)]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=_VOCABULARY, special_tokens=special, initial_alphabet=alphabet)
    fast.train_from_iterator(_corpus(), trainer)
    fast.post_processor = processors.RobertaProcessing(
        sep=("</s>", fast.token_to_id("</s>")),
        cls=("<s>", fast.token_to_id("<s>")),
        trim_offsets=True,
        add_prefix_space=add_prefix_space,
    )
    return fast


def _albert() -> Any:
    fast = tokenizers.Tokenizer(models.Unigram())
    fast.normalizer = normalizers.Sequence(
        [
            normalizers.Replace("``", '"'),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(tokenizers.Regex(" {2,}"), " "),
        ]
    )
    fast.pre_tokenizer = pre_tokenizers.Metaspace()
    fast.decoder = decoders.Metaspace()
    _train_unigram(fast)
    return fast


def _deberta() -> Any:
    """Makes a tokenizer like DeBERTa-v2's: composed by NFKC and cased, with white space at both ends taken off."""
    fast = tokenizers.Tokenizer(models.Unigram())
    fast.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.NFKC()])
    fast.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Punctuation(), pre_tokenizers.Metaspace()])
    fast.decoder = decoders.Metaspace()
    _train_unigram(fast)
    return fast


def _train_unigram(fast: Any) -> None:
    special = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.UnigramTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=special,
        unk_token="<unk>",  # noqa: S106  a token of a vocabulary
        show_progress=False,
    )
    fast.train_from_iterator(_corpus(), trainer)
    fast.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, fast.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )


_MAKERS: dict[str, Callable[[], Any]] = {
    "wordpiece-uncased": lambda: _bert(lowercase=True),
    "wordpiece-cased": lambda: _bert(lowercase=False),
    "byte-level": lambda: _roberta(add_prefix_space=False),
    "byte-level-prefix-space": lambda: _roberta(add_prefix_space=True),
    "unigram-nfkd": _albert,
    "unigram-nfkc": _deberta,
}
KINDS = tuple(_MAKERS)


@cache
def definition(kind: str) -> str:
    """Returns the `tokenizer.json` of this kind."""
    text: str = _MAKERS[kind]().to_str()
    return text


@cache
def trained(kind: str) -> Tokenizer:
    """Returns our tokenizer of this kind."""
    return Tokenizer(definition(kind), source=f"a {kind} tokenizer made by a test")


def fast(kind: str) -> Any:
    """Returns the library's tokenizer of this kind, a fresh one (truncation is a state of it)."""
    return tokenizers.Tokenizer.from_str(definition(kind))
