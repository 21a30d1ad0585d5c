"""What Prometheus reads at `/metrics`, in a registry of this service's own.

The objects are defined here and fed by whoever sees the thing happen; nothing here knows a call, a
database or a socket. No label names a person or a call.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE

# The promise is 0.5 s from the last sample of a window to its event at the client.
_LATENCY_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0, 5.0)
_INFERENCE_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Metrics:
    """The service's counters, gauges and histograms.

    Attributes:
        calls_open: live calls now.
        calls_started: calls begun.
        calls_ended: calls ended, by `reason`.
        event_latency: seconds from the last sample of a window to its event, at the sender.
        dropped: seconds of audio lost, by `where` (source, queue, recording).
        queue_depth: what waits in a queue, by `queue`.
        events_lost: events that a slow subscriber lost, by `sink`.
        inference: seconds of one analyser's push that judged a window.
        heard: seconds of audio heard, by `kind` (live, recording).
        requests: seconds an HTTP request took, by `method`, `route` and `status`.
        refused: refused sign-ins, by `why`.
        spooled: events that wait on disk for the database.
        model_on: 1 where the model is switched on.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=True)
        self.calls_open = Gauge("tonewatch_calls_open", "Live calls now.", registry=registry)
        self.calls_started = Counter("tonewatch_calls_started", "Calls begun.", registry=registry)
        self.calls_ended = Counter(
            "tonewatch_calls_ended", "Calls ended.", ["reason"], registry=registry
        )
        self.event_latency = Histogram(
            "tonewatch_event_latency_seconds",
            "From the last sample of a window to its event.",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.dropped = Counter(
            "tonewatch_dropped_seconds", "Audio lost.", ["where"], registry=registry
        )
        self.queue_depth = Gauge(
            "tonewatch_queue_depth", "What waits in a queue.", ["queue"], registry=registry
        )
        self.events_lost = Counter(
            "tonewatch_events_lost", "Events lost by slow readers.", ["sink"], registry=registry
        )
        self.inference = Histogram(
            "tonewatch_inference_seconds",
            "One step of the network with its window.",
            buckets=_INFERENCE_S,
            registry=registry,
        )
        self.heard = Counter("tonewatch_heard_seconds", "Audio heard.", ["kind"], registry=registry)
        self.requests = Histogram(
            "tonewatch_request_seconds",
            "HTTP requests.",
            ["method", "route", "status"],
            buckets=_REQUEST_S,
            registry=registry,
        )
        self.refused = Counter(
            "tonewatch_logins_refused", "Refused sign-ins.", ["why"], registry=registry
        )
        self.spooled = Gauge(
            "tonewatch_spooled_events", "Events on disk for the database.", registry=registry
        )
        self.model_on = Gauge("tonewatch_model_on", "1 where the model is on.", registry=registry)

    def page(self) -> bytes:
        """The page that Prometheus reads, in `CONTENT_TYPE`."""
        return generate_latest(self.registry)


__all__ = ["CONTENT_TYPE", "Metrics"]
