"""Schema Registry framing: records that begin with the id of their schema. Needs the extra `registry`.

registry.py     the client: schemas by id, ids of schemas; turns its errors into ours
framing.py      the bytes in front: magic byte, schema id, message indexes
decoders.py     framed bytes ──> plain values, by the writer's schema (avro, JSON Schema)
protobuf.py     the same for Protobuf: compiles the schema, names the fields
translator.py   framed record ──> JSON, as a step of `EventFormats`
event_schemas.py  our own schemas, as they are registered
writer.py       event ──> framed value
"""
