"""A call record as a sink may show it: no more content than it records, error messages included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai._core.content import content_of
from reliai.checks.redaction import message_of

if TYPE_CHECKING:
    from reliai._core.record import CallRecord
    from reliai.checks.redaction import Redaction

__all__ = ["shown"]


def shown(record: CallRecord, redaction: Redaction | None) -> dict[str, Any]:
    """The record as plain data, for a sink's `on_end`.

    Args:
        record: the ended call.
        redaction: what makes content fit to be recorded; None when no content is.

    Returns:
        What `CallRecord.to_dict` gives. Without a redaction the messages of errors that are not
        reliai's own are None, for they may quote what the call was about. With one they are
        redacted, and `inputs` and `output` are there; both are None when they were dropped. Of a
        value that was cut, `inputs_bytes` or `output_bytes` says how long its texts were.
    """
    fields = record.to_dict()
    if redaction is None:
        return fields
    _put_message(fields, record, redaction)
    for shown_attempt, attempt in zip(fields["attempts"], record.attempts, strict=False):
        _put_message(shown_attempt, attempt, redaction)
    content = content_of(record)
    if content is None:
        return fields
    inputs, output = redaction.apply(content.inputs), redaction.apply(content.answer)
    fields["inputs"], fields["output"] = inputs.value, output.value
    longer = {
        "inputs_bytes": inputs.original_bytes,
        "output_bytes": content.output_bytes or output.original_bytes,
    }
    fields.update({name: size for name, size in longer.items() if size is not None})
    return fields


def _put_message(fields: dict[str, Any], of: Any, redaction: Redaction) -> None:
    if of.error is not None:
        fields["error"]["message"] = message_of(of.error, redaction)
