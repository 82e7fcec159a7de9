"""Schema Registry framing: records that begin with the id of their schema. Needs the extra `registry`.

registry.py       the client: schemas by id, ids of schemas; turns its errors into ours
decoders.py       framed value ──> JSON, by the writer's schema
protobuf.py       the same for Protobuf: compiles schemas, names the fields
translator.py     framed record ──> JSON, as a step of `EventFormats`
event_schemas.py  our own schemas, as they are registered, and the bytes by them
writer.py         event ──> framed record
"""
