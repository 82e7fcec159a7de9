"""The step of `EventFormats` that reads a schema registry's frame."""

from __future__ import annotations

from typing import Final

from spanstream.consumer.formats.registry.decoders import FramedDecoder
from spanstream.consumer.formats.translator import Message

_JSON_STARTS: Final = b"{ \t\r\n"


class FrameTranslator:
    """Turns framed values into JSON; what is JSON already passes, so that writers can change one after the other."""

    def __init__(self, decoder: FramedDecoder) -> None:
        self._decoder = decoder

    def translate(self, message: Message) -> Message:
        """Returns the message with its content as JSON."""
        if message.value[:1] in _JSON_STARTS:  # an empty value too: the codec says what it is
            return message
        return message._replace(value=self._decoder.to_json(message.value))
