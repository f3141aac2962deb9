"""What the server has done, as Prometheus reads it."""

import time
from collections.abc import Mapping
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ROUTES = ("/api/", "/v1/", "/mcp", "/metrics", "/healthz", "/readyz")
# Seconds: from an answer that was remembered to one that had to wait long.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


# When each count began, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Meter:
    """Counts requests by route and status, times them, and times the stages of answers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter(
            "sessionqa_requests", "Requests by route and status.", ["route", "status"], **own
        )
        self._seconds = Histogram(
            "sessionqa_request_seconds",
            "From a request's first byte to its answer's last, by route.",
            ["route"],
            buckets=BUCKETS,
            **own,
        )
        self._stages = Histogram(
            "sessionqa_answer_seconds",
            "Of an answer that was not remembered: its retrieval, and what comes after.",
            ["stage"],
            buckets=BUCKETS,
            **own,
        )
        self._answers = Counter("sessionqa_answers", "Answers by outcome.", ["outcome"], **own)
        self._running = Gauge("sessionqa_requests_running", "Requests being worked on.", **own)
        self._build = Gauge("sessionqa_index", "1 for the build that is live.", ["build"], **own)

    def answered(self, refused: bool, timings: Mapping[str, float]) -> None:
        """Takes account of an answer, its timings in ms."""
        self._answers.labels("refused" if refused else "answered").inc()
        if timings["answer_ms"]:
            for stage in ("retrieve", "answer"):
                self._stages.labels(stage).observe(timings[f"{stage}_ms"] / 1000)

    def metered(self, app: ASGIApp) -> ASGIApp:
        """`app` with its requests counted and timed."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            started, status = time.perf_counter(), 500

            async def sending(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            try:
                with self._running.track_inprogress():
                    await app(scope, receive, sending)
            finally:
                route = _route(scope)
                self._requests.labels(route, str(status)).inc()
                self._seconds.labels(route).observe(time.perf_counter() - started)

        return counted

    def told(self, build: str) -> Response:
        """Everything so far, in Prometheus' text format; `build` is the live one."""
        self._build.clear()
        self._build.labels(build).set(1)
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


def _route(scope: Scope) -> str:
    """The route as it was written, so that there are few; everything of the page is one."""
    path: str = getattr(scope.get("route"), "path", "")
    return path if path.startswith(_ROUTES) else "page"
