"""Builds the AsyncAPI 3.0 document: topics, messages, and what the consumer reads and writes.

Format: the AsyncAPI 3.0.0 specification with version 0.5.0 of the Kafka bindings. Addresses are the default names of
the topics; they are settings. Operations are seen from this program: the consumer receives questions and
sends answers, the triage stream receives tickets and sends triage records, `feedback run` receives feedback and
sends labels.
"""

from __future__ import annotations

from typing import Any, Final

from spanstream.schemas.cloudevents import (
    ANSWER_TYPE,
    CONTENT_TYPE,
    DOCUMENT_TYPE,
    FEEDBACK_TYPE,
    QUESTION_TYPE,
    SPEC_VERSION,
    TICKET_TYPE,
    TRIAGE_TYPE,
)

Json = dict[str, Any]

_BINDING: Final = "0.5.0"
_CHANNELS: Final[dict[str, tuple[str, str]]] = {
    # topic: (message, what stands in it)
    "qa.documents": (
        "document",
        "The texts, compacted by key: the last record of a document_id is the document, a null value deletes it.",
    ),
    "qa.questions": ("question", "Questions, on as many partitions as the documents, so that one member owns both."),
    "qa.answers": ("answer", "Answers; read them with isolation level read_committed to see each once."),
    "qa.answers.shadow": (
        "answer",
        "Answers of a second model that is tried; best effort, outside of any transaction.",
    ),
    "qa.dead-letters": ("dead-letter", "Records that will never be answered, byte for byte; headers say why."),
    "qa.retries": ("retry", "Questions to be tried again at a due time, on as many partitions as the questions."),
    "qa.open-questions": (
        "question",
        "Declined questions that may be answered later, by question_id; a null value closes one. Headers open.*.",
    ),
    "support.tickets": ("ticket", "Support tickets, on as many partitions as the answers. Read by the triage stream."),
    "support.triage": ("triage", "What is to be done with each ticket; the highest revision of a ticket_id counts."),
    "qa.feedback": ("feedback", "What people say of answers, on as many partitions as the documents."),
    "qa.labels": (
        "label",
        "The checked feedback, the newest of each key, in the partition of its document and deleted with it.",
    ),
}
_POLICIES: Final = {"qa.documents": ["compact"], "qa.open-questions": ["compact"], "qa.labels": ["compact", "delete"]}
_OPERATIONS: Final[dict[str, tuple[str, str, str]]] = {
    # operation: (action, topic, what the consumer does)
    "readDocuments": ("receive", "qa.documents", "Remember where each document stands; forget the deleted ones."),
    "readQuestions": ("receive", "qa.questions", "Answer each question from its document, or from its collection."),
    "readRetries": ("receive", "qa.retries", "Try a question again once it is due."),
    "writeAnswers": ("send", "qa.answers", "One answer a question, in one transaction with the consumed offsets."),
    "writeShadowAnswers": ("send", "qa.answers.shadow", "The second model's answers to some of the same questions."),
    "writeRetries": ("send", "qa.retries", "Put a question off, such as one whose document has not arrived."),
    "writeOpenQuestions": ("send", "qa.open-questions", "Keep a declined question open, or close one."),
    "readOpenQuestions": ("receive", "qa.open-questions", "Ask a question again when a document comes for it."),
    "readTickets": ("receive", "support.tickets", "Publish a ticket's text as a document, and ask about it."),
    "writeTriage": ("send", "support.triage", "Route and priority of a ticket, with the answers they rest on."),
    "readFeedback": ("receive", "qa.feedback", "Check what was said of an answer against its document."),
    "writeLabels": ("send", "qa.labels", "Keep the newest verdict on each answer, and delete it with its document."),
    "writeDeadLetters": ("send", "qa.dead-letters", "Put a record aside that will never be answered, and say why."),
}
_BY_DOCUMENT: Final = (
    "The document_id, exactly its UTF-8 bytes; a question that names none: any, by custom its question_id."
)
_MESSAGES: Final[dict[str, tuple[str, str, str, str | None]]] = {
    # message: (what it is, its key, the schema of its headers, the schema of its value)
    "document": (
        "A document. A null value instead of it (a tombstone) deletes the document.",
        "The document_id, exactly its UTF-8 bytes.",
        "#/components/schemas/documentCloudEvent",
        "./v1/document.schema.json",
    ),
    "question": (
        "A question about one document, or about a collection of them.",
        _BY_DOCUMENT,
        "#/components/schemas/questionCloudEvent",
        "./v1/question.schema.json",
    ),
    "answer": (
        "The answer to one question. ce_id is derived from question_id: a redelivery has the same.",
        "The key of the question's record.",
        "#/components/schemas/answerCloudEvent",
        "./v1/answer.schema.json",
    ),
    "dead-letter": (
        "The failed record's key and value, byte for byte (which may be no JSON at all), and its own headers.",
        "The failed record's key, byte for byte; null where it had none.",
        "./v1/dead-letter-headers.schema.json",
        None,
    ),
    "ticket": (
        "A support ticket; sent again, with the same or another text, the last one counts.",
        "The ticket_id, exactly its UTF-8 bytes.",
        "#/components/schemas/ticketCloudEvent",
        "./v1/ticket.schema.json",
    ),
    "triage": (
        "The triage of a ticket. ce_id is derived from ticket_id and revision: a redelivery has the same.",
        "The ticket_id, exactly its UTF-8 bytes.",
        "#/components/schemas/triageCloudEvent",
        "./v1/triage.schema.json",
    ),
    "feedback": (
        "What somebody says of the answer to a question, or of a field in a triage record.",
        "The document_id, exactly its UTF-8 bytes; with an inline context: any, by custom the question_id.",
        "#/components/schemas/feedbackCloudEvent",
        "./v1/feedback.schema.json",
    ),
    "label": (
        "Feedback that was found right, with everything filled in. A null value instead of it deletes the label.",
        "The question_id; of a triage record's field, the ticket_id, a tab and the field's name.",
        "#/components/schemas/labelCloudEvent",
        "./v1/feedback.schema.json",
    ),
    "retry": (
        "The question's key and value, byte for byte, and its own headers.",
        _BY_DOCUMENT,
        "#/components/schemas/retryHeaders",
        "./v1/question.schema.json",
    ),
}


def asyncapi(retry_headers: Json) -> Json:
    """Returns the document; `retry_headers` is the JSON Schema of the `retry.*` headers."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "spanstream",
            "version": "1.0.0",
            "description": "Questions are answered with verbatim pieces of documents. Values are JSON in UTF-8; unknown"
            " fields are rejected. Every topic name and limit is a setting.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic: _channel(topic, *described) for topic, described in _CHANNELS.items()},
        "operations": {name: _operation(*described) for name, described in _OPERATIONS.items()},
        "components": {
            "messages": {name: _message(*described) for name, described in _MESSAGES.items()},
            "schemas": {
                "documentCloudEvent": _cloud_event(DOCUMENT_TYPE),
                "questionCloudEvent": _cloud_event(QUESTION_TYPE),
                "answerCloudEvent": _cloud_event(ANSWER_TYPE, required=True),
                "ticketCloudEvent": _cloud_event(TICKET_TYPE),
                "triageCloudEvent": _cloud_event(TRIAGE_TYPE, required=True),
                "feedbackCloudEvent": _cloud_event(FEEDBACK_TYPE),
                "labelCloudEvent": _cloud_event(FEEDBACK_TYPE, required=True),
                "retryHeaders": {name: value for name, value in retry_headers.items() if name != "$schema"},
            },
        },
    }


def _channel(topic: str, message: str, description: str) -> Json:
    policy = _POLICIES.get(topic, ["delete"])
    return {
        "address": topic,
        "description": description,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {"kafka": {"topicConfiguration": {"cleanup.policy": policy}, "bindingVersion": _BINDING}},
    }


def _operation(action: str, topic: str, description: str) -> Json:
    message, _ = _CHANNELS[topic]
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "summary": description,
        "messages": [{"$ref": f"#/channels/{topic}/messages/{message}"}],
    }


def _message(summary: str, key: str, headers: str, payload: str | None) -> Json:
    message: Json = {
        "summary": summary,
        "contentType": CONTENT_TYPE if payload else "application/octet-stream",
        "headers": {"$ref": headers},
    }
    if payload:
        message["payload"] = {"$ref": payload}
    message["bindings"] = {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": _BINDING}}
    return message


def _cloud_event(event_type: str, *, required: bool = False) -> Json:
    """Returns the headers of a CloudEvent in binary mode: always written, and of any type where it reads."""
    schema: Json = {
        "type": "object",
        "properties": {
            "ce_specversion": {"const": SPEC_VERSION, "description": "The version of CloudEvents."},
            "ce_id": {"type": "string", "minLength": 1, "description": "Unique for the source; the same when resent."},
            "ce_type": {
                **({"const": event_type} if required else {"type": "string", "examples": [event_type]}),
                "description": "What the value is, with its version.",
            },
            "ce_source": {"type": "string", "format": "uri-reference", "description": "Names the sender."},
            "ce_time": {"type": "string", "format": "date-time", "description": "When it happened, UTC."},
            "content-type": {"const": CONTENT_TYPE, "description": "The format of the value."},
            "traceparent": {"type": "string", "description": "W3C Trace Context, passed on from the question."},
            "tracestate": {"type": "string", "description": "The one beside it, of at most 512 bytes."},
        },
        "additionalProperties": True,
    }
    if required:
        schema["required"] = [name for name in schema["properties"] if not name.startswith("trace")]
    return schema
