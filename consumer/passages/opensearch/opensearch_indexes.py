"""The generations on a server: indexes `NAME.GENERATION`, and the alias `NAME` on the one that is searched."""

from __future__ import annotations

from typing import Self

from spanstream.consumer.errors import Stop
from spanstream.consumer.passages.index import IndexDescription, PassageIndex
from spanstream.consumer.passages.opensearch.client import OpenSearchClient
from spanstream.consumer.passages.opensearch.opensearch_index import OpenSearchPassageIndex, index_body
from spanstream.consumer.settings import IndexSettings


class OpenSearchPassageIndexes:
    """The generations.

    Args:
        client: of the server; closed with this.
        name: the index's.
    """

    def __init__(self, client: OpenSearchClient, name: str) -> None:
        self._client = client
        self._name = name

    @classmethod
    def connect(cls, settings: IndexSettings) -> Self:
        """Makes the client; connects nothing yet.

        Raises:
            Stop: the address cannot be read.
        """
        token = settings.token.get_secret_value() if settings.token else None
        return cls(OpenSearchClient(settings.uri or "", token, settings.timeout_seconds), settings.name)

    def current(self) -> str | None:
        """Returns the name of the generation that is searched."""
        found = self._client.get(f"/_alias/{self._name}")
        return next(map(self._generation, found), None) if found else None

    def names(self) -> list[str]:
        """Returns the names of all generations."""
        return sorted(map(self._generation, self._client.get(f"/{self._name}.*/_alias") or ()))

    def create(self, name: str, description: IndexDescription) -> PassageIndex:
        """Makes an empty generation."""
        self._client.delete(f"/{self._index(name)}")
        self._client.put(f"/{self._index(name)}", index_body(description))
        return self.open(name)

    def open(self, name: str) -> PassageIndex:
        """Opens a generation. Raises `Stop` where there is none of this name."""
        return OpenSearchPassageIndex(self._client, self._index(name))

    def switch(self, name: str) -> None:
        """Makes this generation the one that is searched, in one step of the server."""
        if name not in self.names():
            raise Stop(f"there is no passage index {self._index(name)}")
        old = {"remove": {"index": f"{self._name}.*", "alias": self._name, "must_exist": False}}
        new = {"add": {"index": self._index(name), "alias": self._name}}
        self._client.post("/_aliases", {"actions": [old, new]})

    def drop(self, name: str) -> None:
        """Deletes a generation, if it is there; who searches it is refused from then on, and opens the current one."""
        if name != self.current():
            self._client.delete(f"/{self._index(name)}")

    def close(self) -> None:
        """Closes the client."""
        self._client.close()

    def _index(self, name: str) -> str:
        return f"{self._name}.{name}"

    def _generation(self, index: str) -> str:
        return index.removeprefix(f"{self._name}.")
