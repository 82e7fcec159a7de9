"""`spanstream doctor`: looks at everything a consumer needs, and says in one line each what is wrong and what to do.

    settings -> checks_of -> [Check, Check, ...] -> examine -> Finding, Finding, ...

machine.py  CPUs, int8 dot products, the HTTP port
model.py    the artifact, and its self-test on this very CPU
broker.py   Kafka: reachable, transactions, group protocol, the group
topics.py   the topics, as pure functions of what Kafka says about them
passages.py the passage index
promise.py  what the labels say of confidence and threshold
store.py    Redis
registry.py the schema registry
mappings.py other programs' records
extras.py   the answers API and the traces
"""

from spanstream.consumer.operations.doctor.checks import checks_of
from spanstream.consumer.operations.doctor.finding import Check, Finding, Level, examine

__all__ = ["Check", "Finding", "Level", "checks_of", "examine"]
