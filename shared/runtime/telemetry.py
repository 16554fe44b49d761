"""Traces: one connected tree per complaint, from the HTTP request to the last message.

The context travels as a W3C `traceparent` string: request → outbox row → Kafka header → consumer → outbox row.
Where the parent is not sampled no span object is made and the same string travels on, so tracing costs nothing.
Spans carry ids and codes only.
"""

import contextvars
import re
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from shared.runtime.settings import CommonSettings

current_traceparent: contextvars.ContextVar[str | None] = contextvars.ContextVar("traceparent", default=None)
"""The context of the request being answered; `Tx` takes it for the events it emits."""

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
#: Seconds for the last spans at shutdown, and for each batch.
_LAST_SPANS: Final = 3.0
Attributes = Mapping[str, str | int | float | bool]


def valid_traceparent(value: str | None) -> str | None:
    """The 55 characters of a W3C `traceparent` as we read them, `None` when it is absent or malformed: who sent it is
    not asked, and a new trace begins (W3C Trace Context §3.2, §4.3).

    Version 00 has exactly 55 characters. A later version may append fields behind a dash; they mean nothing to us and
    are cut off, so that nobody decides how large the rows and records are that carry the context on.
    """
    if value is None:
        return None
    match = _TRACEPARENT.match(value)
    if match is None:
        return None
    if len(value) > 55 and (value[:2] == "00" or value[55] != "-"):
        return None
    return value[:55]


def parse_traceparent(value: str | None) -> SpanContext | None:
    """The span context of a W3C `traceparent` header; `None` when absent or malformed (W3C Trace Context §3.2)."""
    valid = valid_traceparent(value)
    if valid is None:
        return None
    return SpanContext(int(valid[3:35], 16), int(valid[36:52], 16), True, TraceFlags(int(valid[53:55], 16)))


def format_traceparent(context: SpanContext) -> str:
    """The header of a span context."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags) & 1:02x}"


def is_sampled(traceparent: str | None) -> bool:
    """Whether a span is to be recorded below this context. Flags are bits: `03` is sampled too."""
    return traceparent is not None and len(traceparent) >= 55 and traceparent[54] in "13579bdf"


class Tracing:
    """Records spans of one service. Kept apart from the global provider: FastAPI would double every request."""

    def __init__(self, service: str, settings: CommonSettings) -> None:
        self._ratio = settings.trace_ratio
        self._most = settings.traces_per_second
        self._second = 0
        self._begun = 0
        exporter = _exporter(settings)
        self.enabled = exporter is not None
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create({"service.name": service, "service.namespace": "redress"}),
            shutdown_on_exit=False,  # it waits for a viewer that hangs
        )
        if exporter is not None:
            self._provider.add_span_processor(
                BatchSpanProcessor(
                    exporter, max_queue_size=20_000, schedule_delay_millis=1_000, max_export_batch_size=1_000
                )
            )
        self._tracer = self._provider.get_tracer("redress")

    def start(
        self,
        name: str,
        parent: str | None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
        *,
        links: tuple[str | None, ...] = (),
        start_ns: int | None = None,
    ) -> tuple[trace.Span | None, str | None]:
        """Start a span below `parent`; answers it and its context. No span (and the parent's context) when unsampled.

        Args:
            links: contexts of other traces this work belongs to, such as the span that armed a timer.
            start_ns: start, in nanoseconds since the epoch; default now.
        """
        if not self.enabled or not is_sampled(parent):
            return None, parent
        context = parse_traceparent(parent)
        if context is None:
            return None, parent
        carrier = trace.set_span_in_context(NonRecordingSpan(context), Context())
        return self._record(name, carrier, kind, attributes, links, start_ns)

    def start_root(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
        *,
        links: tuple[str | None, ...] = (),
        start_ns: int | None = None,
    ) -> tuple[trace.Span | None, str]:
        """Start a new trace, sampled by the configured ratio and rate; unsampled, a context that says so."""
        if not self.enabled or not self._is_drawn():
            drawn = secrets.token_hex(24)
            return None, f"00-{drawn[:32]}-{drawn[32:]}-00"
        return self._record(name, Context(), kind, attributes, links, start_ns)

    def _is_drawn(self) -> bool:
        """Draw by the ratio, then count: at the pace of people every trace is recorded, under load the first ones."""
        if self._ratio < 1 and secrets.randbelow(1_000_000) >= self._ratio * 1_000_000:
            return False
        if not self._most:
            return True
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._begun = second, 0
        self._begun += 1
        return self._begun <= self._most

    def start_request(
        self, name: str, parent: str | None, attributes: Attributes | None = None
    ) -> tuple[trace.Span | None, str]:
        """The server span of a request: below the caller's, or the root of a new trace when it sent none or no valid one."""
        valid = valid_traceparent(parent)
        if valid is not None:
            span, context = self.start(name, valid, SpanKind.SERVER, attributes)
            return span, context or valid
        return self.start_root(name, SpanKind.SERVER, attributes)

    def fired(self, name: str, link: str | None, attributes: Attributes | None = None) -> str | None:
        """Record a root span for work that a clock set off, linked to the trace that armed it; answers its context."""
        if link is not None and not is_sampled(link):
            return link
        span, context = self.start_root(name, attributes=attributes, links=(link,))
        if span is not None:
            span.end()
        return context

    def _record(
        self,
        name: str,
        carrier: Context,
        kind: SpanKind,
        attributes: Attributes | None,
        links: tuple[str | None, ...],
        start_ns: int | None,
    ) -> tuple[trace.Span, str]:
        linked = [Link(c) for c in map(parse_traceparent, links) if c is not None]
        span = self._tracer.start_span(name, carrier, kind, attributes, linked, start_ns)
        return span, format_traceparent(span.get_span_context())

    def shutdown(self) -> None:
        """Send what is still queued; waits at most 3 s, and what a viewer that hangs has not taken by then is dropped.

        The provider's own limits do not hold: a flush waits for each batch in turn.
        """
        sending = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        sending.start()
        sending.join(_LAST_SPANS)


def now_ns() -> int:
    """Nanoseconds since the epoch, for span times."""
    return time.time_ns()


def _exporter(settings: CommonSettings) -> SpanExporter | None:
    if settings.otel_exporter_otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=settings.otel_exporter_otlp_endpoint.rstrip("/") + "/v1/traces")
    if settings.traces_url:
        from opentelemetry.exporter.zipkin.json import ZipkinExporter

        return ZipkinExporter(endpoint=settings.traces_url, timeout=int(_LAST_SPANS))
    return None
