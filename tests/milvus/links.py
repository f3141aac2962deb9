"""What lies between a client and a server, in tests: a slow and broken line, guarded doors."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc

CHUNK = 65_536


class Line:
    """A line to a port of this machine, which may be slow or cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.delay = 0.0
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._dead = False
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        """Where the near end is."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Breaks off every connection that there is; new ones can be made."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def close(self) -> None:
        """Breaks it off for good."""
        self._dead = True
        self._listening.close()
        self.cut()

    def _serve(self) -> None:
        while not self._dead:
            with suppress(OSError):
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._open += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                time.sleep(self.delay)
                target.sendall(data)


class _Doorkeeper(grpc.ServerInterceptor):
    """Lets nobody pass who does not show the credentials, as a Milvus with users does."""

    def __init__(self, expected: str) -> None:
        self._expected = expected
        self._refuse = grpc.unary_unary_rpc_method_handler(self._refused)

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        shown = dict(details.invocation_metadata).get("authorization", "")
        return continuation(details) if shown == self._expected else self._refuse

    def _refused(self, _: Any, context: Any) -> None:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure, please check username")


@contextmanager
def guarded(folder: Path, token: str = "", tls: Any = None) -> Iterator[int]:
    """A Milvus Lite on a port, for those who show `token`, and over TLS if there are `tls` keys."""
    import base64

    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from milvus_lite.db import MilvusLite
    from pymilvus.grpc_gen import milvus_pb2_grpc

    database = MilvusLite(str(folder))
    doors = [_Doorkeeper(base64.b64encode(token.encode()).decode())] if token else []
    server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=doors)
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(MilvusServicer(database), server)
    if tls:
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([tls]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=None).wait()
        database.close()
