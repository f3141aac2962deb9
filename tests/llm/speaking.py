"""A small server that speaks OpenAI's protocol, well or badly."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Speaker:
    """What it says, and how; `asked` has the requests, `left` is set once a client has gone."""

    pieces: list[str] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    breaks_off: bool = False
    pause: float = 0.0
    endless: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    url: str = ""


def event(piece: str, ends: str | None = None) -> bytes:
    chunk = {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": ends}],
    }
    return b"data: %s\n\n" % json.dumps(chunk).encode()


@contextmanager
def speaking(speaker: Speaker) -> Iterator[Speaker]:
    """The server, from when it listens."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            speaker.asked.append(json.loads(self.rfile.read(length)))
            speaker.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(speaker.status)
            kind = "text/event-stream" if speaker.status == 200 else "application/json"
            self.send_header("content-type", kind)
            self.send_header("connection", "close")
            self.end_headers()
            try:
                self.say()
            except OSError:
                speaker.left.set()

        def say(self) -> None:
            if speaker.body is not None:
                self.wfile.write(speaker.body)
                return
            while True:
                for piece in speaker.pieces:
                    time.sleep(speaker.pause)
                    self.wfile.write(event(piece))
                    self.wfile.flush()
                if not speaker.endless:
                    break
            if not speaker.breaks_off:
                self.wfile.write(event("", "stop") + b"data: [DONE]\n\n")
            else:
                self.wfile.write(b'data: {"choices": [{"del')

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    speaker.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield speaker
    finally:
        server.shutdown()
        server.server_close()
