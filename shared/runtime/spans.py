"""The spans of a batch: one `process` span per sampled record, below the span that published it."""

from collections.abc import Mapping, Sequence

from opentelemetry.trace import Span, SpanKind

from shared.runtime.decode import Received
from shared.runtime.telemetry import Tracing, is_sampled, now_ns


class BatchSpans:
    """Contexts for what the events of a batch cause, by event id; spans only where the parent is sampled."""

    __slots__ = ("_spans", "contexts")

    def __init__(self, tracing: Tracing, service: str, received: Sequence[Received]) -> None:
        contexts: dict[str, str] = {}
        self._spans: list[Span] = []
        start = now_ns()
        for one in received:
            event = one.event
            if event is None:
                continue
            context = one.traceparent
            if tracing.enabled and is_sampled(context):
                span, context = tracing.start(
                    f"{service} process {event.kind}",
                    context,
                    SpanKind.CONSUMER,
                    {
                        "messaging.system": "kafka",
                        "messaging.operation.type": "process",
                        "messaging.destination.name": one.record.topic,
                        "messaging.destination.partition.id": str(one.record.partition),
                        "messaging.kafka.offset": one.record.offset,
                        "messaging.consumer.group.name": f"redress.{service}",
                        "messaging.message.id": str(event.event_id),
                        "complaint.id": str(event.complaint_id),
                        "complaint.reference": event.reference,
                    },
                    start_ns=start,
                )
                if span is not None:
                    self._spans.append(span)
            if context is not None:
                contexts[str(event.event_id)] = context
        self.contexts: Mapping[str, str] = contexts

    def end(self) -> None:
        """The batch is committed."""
        end = now_ns()
        for span in self._spans:
            span.end(end)
