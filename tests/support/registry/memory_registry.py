"""A schema registry in memory: the client library's own, behind our class."""

from __future__ import annotations

from typing import Any

from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry._sync.mock_schema_registry_client import MockSchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from spanstream.consumer.formats.registry.registry import SchemaRegistry
from spanstream.consumer.settings.registry import RegistrySettings


class _MemoryClient(MockSchemaRegistryClient):
    """Knows the code that registries give for an unknown id."""

    def get_schema(self, schema_id: int, *arguments: Any, **options: Any) -> Schema:
        try:
            return super().get_schema(schema_id, *arguments, **options)
        except SchemaRegistryError as error:
            raise SchemaRegistryError(404, 40403, "Schema not found") from error


def memory_registry() -> SchemaRegistry:
    registry = SchemaRegistry(RegistrySettings.model_validate({"url": "http://127.0.0.1:1"}))
    registry.client = _MemoryClient({"url": "mock://"})
    return registry
