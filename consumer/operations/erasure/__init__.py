"""Erases the texts of documents, tickets and customers, and proves that nothing is left of them.

requests.py   what was asked for: documents, tickets, customers
subjects.py   whose texts: ids and hashes of texts, and which records hold something of them
standing.py   what stands in a topic, and until when at the latest
search.py     from what was asked to the subjects, and what stands of them in every topic and in Redis
erasing.py    tombstones, and the keys in Redis
opening.py    opens Kafka and Redis for it
manifest.py   what was erased and what was left, without a text
"""

from __future__ import annotations
