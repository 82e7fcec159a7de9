"""Reads Protobuf messages by a schema that comes at run time, and compiles schemas.

A registry gives a Protobuf schema as the text of its file, which protoc (out of grpcio-tools) compiles, or compiled (a
descriptor in base64) where a client registered it so. The compiled form is not asked for: not all registries have it.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry.common.protobuf import _init_pool
from confluent_kafka.schema_registry.serde import SchemaId
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.type import date_pb2
from grpc_tools import protoc

from spanstream.consumer.errors import Stop
from spanstream.schemas.errors import InvalidRecord, Reason

_TIMESTAMP: Final = "google.protobuf.Timestamp"
_WELL_KNOWN: Final = "google.protobuf."
_MAIN: Final = "schema.proto"


class CompiledFile:
    """A Protobuf file with all that it imports.

    Attributes:
        proto: its descriptor.
    """

    def __init__(self, proto: FileDescriptorProto, pool: DescriptorPool) -> None:
        self.proto = proto
        self._pool = pool

    def message_class(self, indexes: Sequence[int]) -> type[Message]:
        """Returns the class of a message, which is named as in a frame: its index in the file, then in each message.

        Raises:
            InvalidRecord: the file has no such message.
        """
        messages, names = self.proto.message_type, [self.proto.package]
        for index in indexes:
            if not 0 <= index < len(messages):
                raise InvalidRecord(Reason.UNDECODABLE, f"its schema has no message of index {index}")
            names.append(messages[index].name)
            messages = messages[index].nested_type
        descriptor = self._pool.FindMessageTypeByName(".".join(name for name in names if name))
        message_class: type[Message] = message_factory.GetMessageClass(descriptor)
        return message_class


class ProtobufReader:
    """Turns the framed messages of one schema into plain values."""

    def __init__(self, file: CompiledFile) -> None:
        self._file = file
        self._classes: dict[tuple[int, ...], type[Message]] = {}

    def __call__(self, value: bytes) -> Any:  # noqa: ANN401  as JSON has it
        """Returns a message's fields by their names; null where a field that may be absent is."""
        frame = SchemaId("PROTOBUF")
        payload = frame.from_bytes(BytesIO(value)).read()
        indexes = tuple(frame.message_indexes or ())
        if indexes not in self._classes:
            self._classes[indexes] = self._file.message_class(indexes)
        message = self._classes[indexes]()
        message.ParseFromString(payload)
        return _plain(message)


def compiled(schema: Schema, references: Mapping[str, Schema]) -> CompiledFile:
    """Compiles a schema, with those that it imports.

    Raises:
        InvalidRecord: it is no Protobuf schema, or imports what is not there.
        Stop: there is no folder for temporary files.
    """
    texts = {
        **{name: reference.schema_str or "" for name, reference in references.items()},
        _MAIN: schema.schema_str or "",
    }
    protos = {name: _descriptor(name, text) for name, text in texts.items()}
    pool = DescriptorPool()
    try:
        if all(proto is not None for proto in protos.values()):
            _init_pool(pool)
            _add(pool, _MAIN, protos)
        else:
            protos = {proto.name: proto for proto in _compile(texts)}
            for proto in protos.values():
                pool.Add(proto)
        pool.FindFileByName(_MAIN)
    except (TypeError, KeyError, ValueError, DecodeError, OSError):
        raise InvalidRecord(Reason.UNDECODABLE, "its Protobuf schema cannot be compiled") from None
    return CompiledFile(protos[_MAIN], pool)


def _descriptor(name: str, text: str) -> FileDescriptorProto | None:
    """Returns the descriptor in base64; None: it is the text of a file."""
    try:
        proto = FileDescriptorProto.FromString(b64decode(text, validate=True))
    except (binascii.Error, ValueError, DecodeError):
        return None
    proto.name = name
    return proto


def _add(pool: DescriptorPool, name: str, protos: Mapping[str, FileDescriptorProto]) -> None:
    """Adds a file behind those that it imports."""
    for imported in protos[name].dependency:
        if imported in protos:
            _add(pool, imported, protos)
    pool.Add(protos[name])


def _compile(texts: Mapping[str, str]) -> list[FileDescriptorProto]:
    """Returns the descriptors of the files, and of what they import, each behind its own imports."""
    try:
        scratch_folder = TemporaryDirectory(prefix="spanstream-")
    except OSError as error:
        detail = f"no folder to compile a Protobuf schema in: {error.strerror}"
        raise Stop(detail, hint="mount one that can be written at /tmp, or name one in TMPDIR") from error
    with scratch_folder as scratch:
        folder = Path(scratch).resolve()
        for name, text in texts.items():
            path = (folder / name).resolve()
            if not path.is_relative_to(folder):
                raise ValueError("a name that leads out of the folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        result = folder / ".descriptors"
        common = Path(date_pb2.__file__).parents[2]  # google/type and its kin
        bundled = files("grpc_tools") / "_proto"
        options = [*(f"--proto_path={path}" for path in (folder, bundled, common)), "--include_imports"]
        if protoc.main(["protoc", *options, f"--descriptor_set_out={result}", _MAIN]) != 0:
            raise ValueError("protoc refuses it")
        return list(FileDescriptorSet.FromString(result.read_bytes()).file)


def _plain(message: Message) -> Any:  # noqa: ANN401  as JSON has it
    name = message.DESCRIPTOR.full_name
    if name == _TIMESTAMP:
        return message.ToDatetime(tzinfo=UTC)
    if name.startswith(_WELL_KNOWN):
        return json_format.MessageToDict(message)
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def _field(message: Message, field: FieldDescriptor) -> Any:  # noqa: ANN401  as JSON has it
    if field.has_presence and not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        inner = field.message_type.fields_by_name["value"]
        return {key: _item(value[key], inner) for key in sorted(value)}  # a map has no order of its own
    return [_item(item, field) for item in value] if field.is_repeated else _item(value, field)


def _item(value: Any, field: FieldDescriptor) -> Any:  # noqa: ANN401  as JSON has it
    if field.message_type is not None:
        return _plain(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return value if named is None else named.name
    return value
