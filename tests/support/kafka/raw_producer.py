"""Sends what the Python client cannot: a header whose name is not UTF-8, by librdkafka's own C functions."""

from __future__ import annotations

import ctypes
from pathlib import Path

import confluent_kafka
import pytest

_PRODUCER = 0
_ERROR_BYTES = 512
_FLUSH_MS = 30_000
# rd_kafka_vtype_t of rdkafka.h
_TOPIC, _VALUE, _KEY, _HEADERS = 1, 4, 5, 10


class _Union(ctypes.Union):
    _fields_ = (("text", ctypes.c_char_p), ("pointer", ctypes.c_void_p), ("memory", ctypes.c_void_p * 2),
                ("padding", ctypes.c_char * 64))  # fmt: skip


class _Argument(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int), ("value", _Union))


def send_with_header_name(bootstrap: str, topic: str, name: bytes, key: bytes, value: bytes, *, times: int = 1) -> None:
    """So many records with one header of this name; skips where the wheel holds librdkafka elsewhere."""
    library = next(Path(confluent_kafka.__file__).parent.parent.glob("confluent_kafka.libs/librdkafka*.so*"), None)
    if library is None:
        pytest.skip("librdkafka is not where confluent-kafka's Linux wheel has it")
    lib = ctypes.CDLL(str(library))
    for function in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_headers_new", "rd_kafka_produceva"):
        getattr(lib, function).restype = ctypes.c_void_p
    error = ctypes.create_string_buffer(_ERROR_BYTES)
    settings = ctypes.c_void_p(lib.rd_kafka_conf_new())
    lib.rd_kafka_conf_set(settings, b"bootstrap.servers", bootstrap.encode(), error, _ERROR_BYTES)
    producer = ctypes.c_void_p(lib.rd_kafka_new(_PRODUCER, settings, error, _ERROR_BYTES))
    kept = [ctypes.create_string_buffer(part) for part in (key, value)]
    arguments = (_Argument * 4)()
    arguments[0].kind, arguments[0].value.text = _TOPIC, topic.encode()
    for place, kind, buffer, part in ((1, _KEY, kept[0], key), (2, _VALUE, kept[1], value)):
        arguments[place].kind = kind
        arguments[place].value.memory[0] = ctypes.addressof(buffer)
        arguments[place].value.memory[1] = len(part)
    arguments[3].kind = _HEADERS
    for _ in range(times):
        headers = ctypes.c_void_p(lib.rd_kafka_headers_new(ctypes.c_size_t(1)))  # the producer's, once it is sent
        lib.rd_kafka_header_add(headers, name, ctypes.c_ssize_t(len(name)), b"v", ctypes.c_ssize_t(1))
        arguments[3].value.pointer = headers.value
        assert not lib.rd_kafka_produceva(producer, arguments, ctypes.c_size_t(len(arguments)))
    assert lib.rd_kafka_flush(producer, _FLUSH_MS) == 0
    lib.rd_kafka_destroy(producer)
