"""One Milvus: what its errors mean by their codes, how long a call may take, what it reads."""

import gc
import re
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links import Line
from lite import free_port
from pymilvus import MilvusClient
from pymilvus.client.connection_manager import ConnectionManager
from pymilvus.exceptions import ConnectError, MilvusException

from sessionqa import Assistant, Settings
from sessionqa.errors import IndexMissing, IndexUnusable, OutgoingRefused
from sessionqa.index.milvus import failures, schema
from sessionqa.index.milvus.address import Address, parse
from sessionqa.index.milvus.server import PAGE_ROWS, Row, Server

HOST = parse("milvus:http://host:19530/authors")
TEAM = parse("milvus:http://host:19530/team/authors")


def server_of(where: str, alias: str = "authors", seconds: float = 10.0) -> Server:
    return Server(parse(f"milvus:{where}/{alias}"), Settings(milvus_seconds=seconds))


def row(key: str, data: str = "") -> Row:
    return {"key": key, "data": data, "since": 1, "unused": schema.UNUSED}


def filled(server: Server, rows: list[Row]) -> str:
    """A new collection with these rows."""
    name = f"c{uuid4().hex}"
    server.create(name, schema.records_schema(MilvusClient), schema.records_indexes(MilvusClient))
    server.put(name, rows)
    server.settle(name)
    return name


class Door(grpc.ServerInterceptor):
    """Before a server: keeps what is asked; by their names calls wait, or lose their answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.waits: dict[str, float] = {}
        self.lost: set[str] = set()
        self.answers: dict[str, Any] = {}

    def last(self, name: str) -> Any:
        """What was asked last by a call of this name."""
        return [request for method, request in self.asked if method == name][-1]

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = continuation(details)
        name = details.method.rsplit("/", 1)[-1]

        def called(request: Any, context: Any) -> Any:
            self.asked.append((name, request))
            time.sleep(self.waits.get(name, 0))
            answer = handler.unary_unary(request, context)
            if name in self.lost:
                self.lost.discard(name)
                context.abort(grpc.StatusCode.UNAVAILABLE, "the line was cut")
            return self.answers.get(name, answer)

        return grpc.unary_unary_rpc_method_handler(
            called, handler.request_deserializer, handler.response_serializer
        )


@contextmanager
def behind_a_door(folder: Path) -> Iterator[tuple[str, Door]]:
    """A Milvus Lite in this process."""
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from milvus_lite.db import MilvusLite
    from pymilvus.grpc_gen import milvus_pb2_grpc

    database, door = MilvusLite(str(folder / "data")), Door()
    served = grpc.server(futures.ThreadPoolExecutor(16), interceptors=[door])
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(MilvusServicer(database), served)
    port = served.add_insecure_port("127.0.0.1:0")
    served.start()
    try:
        yield f"http://127.0.0.1:{port}", door
    finally:
        served.stop(grace=None).wait()
        database.close()


# --- errors mean what their codes say


def of_grpc(code: grpc.StatusCode, details: str) -> grpc.RpcError:
    metadata = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, metadata, metadata, details)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


# Words that mean another thing than the code does.
WORDS = "auth timeout: user 'authors' already exists, can't find it, not found"
UNCLEAR = "failed .*see its log"
ABSENT = "there is no index in"
REFUSED = "refuses the credentials"
UNANSWERED = "did not answer within 10 s"
LOADING = "is still loading the index into memory"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (of_grpc(grpc.StatusCode.UNAUTHENTICATED, "x"), REFUSED),
        (of_grpc(grpc.StatusCode.PERMISSION_DENIED, "x"), REFUSED),
        (MilvusException(1400, "x"), REFUSED),
        (MilvusException(1401, "x"), REFUSED),
        (
            caused(MilvusException(2, "x"), of_grpc(grpc.StatusCode.UNAUTHENTICATED, "x")),
            REFUSED,
        ),
        (MilvusException(100, WORDS), ABSENT),
        (MilvusException(1600, WORDS), ABSENT),
        (MilvusException(1603, WORDS), ABSENT),
        (MilvusException(101, WORDS), LOADING),
        (MilvusException(103, WORDS, retriable=True), LOADING),
        (MilvusException(106, WORDS, retriable=True), LOADING),
        (MilvusException(800, WORDS), "there is no database team in http://host:19530 "),
        (of_grpc(grpc.StatusCode.UNAVAILABLE, WORDS), UNANSWERED),
        (of_grpc(grpc.StatusCode.RESOURCE_EXHAUSTED, WORDS), UNANSWERED),
        (of_grpc(grpc.StatusCode.DEADLINE_EXCEEDED, WORDS), UNANSWERED),
        (MilvusException(1, WORDS, retriable=True), UNANSWERED),
        (MilvusException(8, WORDS, retriable=True), UNANSWERED),
        (
            caused(MilvusException(8, WORDS), MilvusException(8, WORDS, retriable=True)),
            UNANSWERED,
        ),
        (MilvusException(2, WORDS), UNANSWERED),
        (MilvusException(10_001, WORDS), UNANSWERED),
        (ConnectError(message=WORDS), UNANSWERED),
        (MilvusException(500, WORDS), UNCLEAR),
        (MilvusException(503, WORDS), UNCLEAR),
        (MilvusException(700, WORDS), UNCLEAR),
        (MilvusException(901, WORDS), UNCLEAR),
        (MilvusException(1100, WORDS), UNCLEAR),
        (MilvusException(65_535, WORDS), UNCLEAR),
        (of_grpc(grpc.StatusCode.INTERNAL, WORDS), UNCLEAR),
        (ValueError(WORDS), UNCLEAR),
    ],
)
def test_an_error_means_what_its_code_says_whatever_its_words(error: Exception, told: str) -> None:
    found = failures.failure(error, TEAM, 10.0, late=False)
    found = found or failures.unclear(error, TEAM)
    assert re.search(told, str(found)), str(found)
    assert "\n" not in str(found)
    assert isinstance(found, IndexMissing) == (told == ABSENT)


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED", "UNKNOWN"])
def test_what_may_pass_is_tried_again_whatever_its_words(code: str) -> None:
    assert failures.may_pass(of_grpc(grpc.StatusCode[code], WORDS))
    wrapped = MilvusException(message=WORDS)
    assert failures.may_pass(caused(wrapped, of_grpc(grpc.StatusCode[code], WORDS)))
    assert not failures.may_pass(MilvusException(100, "unavailable, unknown, aborted"))


def test_what_has_no_code_of_its_own_is_told_by_the_clock() -> None:
    error = MilvusException(message="wait for loading collection timeout")
    assert failures.failure(error, HOST, 120.0, late=False, loading=True) is None
    waited = failures.failure(error, HOST, 120.0, late=True, loading=True)
    assert "120 s were not enough" in str(waited)
    other = failures.failure(error, HOST, 10.0, late=True)
    assert "did not answer within 10 s" in str(other)
    away = of_grpc(grpc.StatusCode.UNAVAILABLE, "connection refused")
    assert "did not answer within 7.5 s" in str(
        failures.failure(away, HOST, 7.4999, late=True, loading=True)
    )


def test_an_error_that_is_its_own_cause_is_read_once() -> None:
    error = MilvusException(100, "alias 'authors' does not exist")
    assert failures.codes_of(caused(error, error)) == {100}


@pytest.mark.parametrize("name", ["authors", "timeout_talks", "not_found"])
def test_an_index_that_is_not_there_is_missing_whatever_its_name(
    name: str, milvus_server: str
) -> None:
    server = server_of(milvus_server, name)
    assert server.target() is None
    with pytest.raises(IndexMissing):
        server.described(name)
    with pytest.raises(IndexMissing, match="run `sessionqa index`"):
        Assistant.open(Settings().with_(index=f"milvus:{milvus_server}/{name}"))
    server.close()


def test_a_database_that_is_not_there_is_to_be_created(milvus_server: str) -> None:
    server = server_of(milvus_server, f"d{uuid4().hex}/talks")
    for call in (server.target, server.collections):
        with pytest.raises(IndexUnusable, match="there is no database d") as caught:
            call()
        assert f"create_database('{server.address.database}')" in str(caught.value)
        assert not isinstance(caught.value, IndexMissing)
    MilvusClient(milvus_server).create_database(server.address.database)
    assert server.target() is None
    # What fails for another reason does not blame the database.
    name = filled(server, [row("a")])
    with pytest.raises(IndexUnusable, match="see its log"):
        server.find(name, "nonsense ==", ["key"])
    server.close()


def test_a_file_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    server = Server(Address(str(tmp_path / "none" / "talks.db"), "", "sessions"), Settings())
    with pytest.raises(IndexUnusable, match=r"there is no folder .*none: create it"):
        server.target()


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.2", "[::1]", "0.0.0.0"]
)
def test_offline_allows_this_machine_by_each_of_its_names(host: str) -> None:
    Server(parse(f"milvus:http://{host}/talks"), Settings(offline=True))
    with pytest.raises(OutgoingRefused):
        Server(HOST, Settings(offline=True))


# --- what was done by a try whose answer was lost is not done again


def test_making_an_index_goes_on_after_lost_answers(tmp_path: Path) -> None:
    with behind_a_door(tmp_path) as (where, door):
        server = server_of(where)
        door.lost = {"CreateCollection", "CreateIndex", "CreateAlias"}
        server.create(
            "passages",
            schema.passages_schema(MilvusClient, 4),
            schema.passages_indexes(MilvusClient, exact=True),
        )
        server.settle("passages")
        server.point_to("passages")
        assert not door.lost
        assert server.target() == "passages"
        wanted = {one.field_name for one in schema.passages_indexes(MilvusClient, exact=True)}
        client = MilvusClient(where, dedicated=True)
        assert set(client.list_indexes("passages")) == wanted
        client.close()
        server.close()


def test_what_cannot_be_made_is_told(milvus_server: str) -> None:
    server = server_of(milvus_server)
    with pytest.raises(IndexUnusable):
        server.point_to(f"n{uuid4().hex}")
    assert server.target() is None
    without_key = MilvusClient.create_schema()
    with pytest.raises(IndexUnusable, match="see its log"):
        server.create(f"n{uuid4().hex}", without_key, schema.records_indexes(MilvusClient))
    server.close()


# --- the time that a call may take


def test_a_collection_that_was_let_go_is_loaded_again(milvus_server: str) -> None:
    server = server_of(milvus_server)
    name = filled(server, [row("a")])
    server.release(name)
    assert [one["key"] for one in server.find(name, "", ["key"])] == ["a"]
    server.close()


def test_a_question_does_not_wait_longer_for_loading_than_for_anything(tmp_path: Path) -> None:
    with behind_a_door(tmp_path) as (where, door):
        server = server_of(where, seconds=1.5)
        name = filled(server, [row("a")])
        server.release(name)
        door.waits["LoadCollection"] = 4.0
        started = time.monotonic()
        with pytest.raises(IndexUnusable, match=r"is still loading .*milvus_seconds") as caught:
            server.find(name, "", ["key"])
        assert time.monotonic() - started < 3.0
        assert "\n" not in str(caught.value)
        door.waits["LoadCollection"] = 0.5
        assert [one["key"] for one in server.find(name, "", ["key"])] == ["a"]
        server.close()


def test_loading_that_goes_on_behind_the_call_is_waited_for(tmp_path: Path) -> None:
    """As with Milvus itself: it says at once that it will load, and refuses reads until it has."""
    from pymilvus.grpc_gen import common_pb2, milvus_pb2

    status = common_pb2.Status(code=103, error_code=1, reason="not fully loaded", retriable=True)
    with behind_a_door(tmp_path) as (where, door):
        server = server_of(where, seconds=2.0)
        name = filled(server, [row("a")])
        door.answers["Query"] = milvus_pb2.QueryResults(status=status)
        loaded = threading.Timer(0.6, door.answers.clear)
        loaded.start()
        assert [one["key"] for one in server.find(name, "", ["key"])] == ["a"]
        loaded.join()
        door.answers["Query"] = milvus_pb2.QueryResults(status=status)
        with pytest.raises(IndexUnusable, match=r"still loading .*2 s were not enough"):
            server.find(name, "", ["key"])
        server.close()


def test_nobody_waits_longer_because_somebody_else_connects(tmp_path: Path) -> None:
    with behind_a_door(tmp_path) as (where, door):
        door.waits["Connect"] = 3.0
        server = server_of(where, seconds=1.0)

        def asked(_: int) -> float:
            started = time.monotonic()
            with pytest.raises(IndexUnusable, match="did not answer within 1 s"):
                server.target()
            return time.monotonic() - started

        with futures.ThreadPoolExecutor(6) as threads:
            assert max(threads.map(asked, range(6))) < 2.5
        door.waits.clear()
        assert server.target() is None
        server.close()


def test_a_line_that_is_cut_costs_no_call_more_than_its_time(tmp_path: Path) -> None:
    with behind_a_door(tmp_path) as (where, door):
        line = Line(int(where.rpartition(":")[2]))
        server = server_of(line.address, seconds=3.0)
        assert server.target() is None
        # pymilvus would connect anew, in each thread, one after another.
        door.waits = {"Connect": 2.0, "DescribeAlias": 0.4}
        cutter = threading.Timer(0.2, line.cut)

        def asked(_: int) -> float:
            started = time.monotonic()
            assert server.target() is None
            return time.monotonic() - started

        cutter.start()
        with futures.ThreadPoolExecutor(6) as threads:
            assert max(threads.map(asked, range(6))) < 3.0
        cutter.join()
        line.close()
        server.close()


# --- connections


def open_connections() -> int:
    return int(ConnectionManager.get_instance().get_stats()["dedicated_connections"])


def test_a_connection_is_closed_once_and_made_again(milvus_server: str) -> None:
    before = open_connections()
    server = server_of(milvus_server)
    server.close()
    assert open_connections() == before
    assert server.target() is None
    assert open_connections() == before + 1
    server.close()
    server.close()
    assert open_connections() == before
    assert server.target() is None
    assert open_connections() == before + 1
    server.close()
    assert open_connections() == before


def test_a_connection_goes_with_its_server(milvus_server: str) -> None:
    gc.collect()
    before = open_connections()
    server = server_of(milvus_server)
    server.target()
    assert open_connections() == before + 1
    del server
    gc.collect()
    assert open_connections() == before


def test_closing_what_was_never_reached() -> None:
    before = open_connections()
    server = server_of(f"http://127.0.0.1:{free_port()}", seconds=1.0)
    with pytest.raises(IndexUnusable, match="did not answer"):
        server.target()
    server.close()
    assert open_connections() == before


# --- reading


def test_reads_are_of_now_unless_what_they_read_is_settled(tmp_path: Path) -> None:
    from pymilvus.client.types import ConsistencyLevel

    with behind_a_door(tmp_path) as (where, door):
        server = server_of(where)
        name = filled(server, [row("a")])
        for settled, level in ((False, ConsistencyLevel.Strong), (True, ConsistencyLevel.Bounded)):
            found = server.find(name, "", ["key"], settled=settled)
            assert door.last("Query").consistency_level == level
            assert not door.last("Query").use_default_consistency
            assert found == list(server.get(name, ["a"], ["key"], settled=settled))
            assert door.last("Query").consistency_level == level
            hits = server.search(name, "unused", schema.UNUSED, 1, "", ["key"], {}, settled=settled)
            assert [hit["key"] for hit in hits] == ["a"]
            assert door.last("Search").consistency_level == level
        # Pages are read by the collection's own level.
        list(server.pages(name, "", ["key"]))
        assert door.last("Query").use_default_consistency
        assert server.described(name)["consistency_level"] == ConsistencyLevel.Strong
        server.close()


def test_pages_have_each_row_once_by_ascending_keys(milvus_server: str) -> None:
    server = server_of(milvus_server)
    # Written in an order of their own, and with what a filter has to escape.
    keys = [f'{number * 7919 % 1203:05}"\\\n' for number in range(1203)]
    name = filled(server, [row(key, key[:5]) for key in keys])
    pages = list(server.pages(name, "", ["data"]))
    assert [len(page) for page in pages] == [PAGE_ROWS, PAGE_ROWS, 1203 - 2 * PAGE_ROWS]
    found = [one["key"] for page in pages for one in page]
    assert found == sorted(keys)
    assert [one["data"] for page in pages for one in page] == [key[:5] for key in found]
    some = [
        one["data"]
        for page in server.pages(name, 'data < "00600" or since > 1', ["data"])
        for one in page
    ]
    assert some == [f"{number:05}" for number in range(600)]
    assert list(server.pages(name, "since > 1", ["data"])) == []
    server.close()


ODD = st.text(
    st.one_of(
        st.sampled_from("\"'\\\n\r\t\0\x1a\x7f\x85\u2028%_{}[]$nrxu0 "),
        st.characters(exclude_categories=["Cs"]),
    ),
    min_size=1,
    max_size=60,
)
# What Milvus's grammar has between quotes, as far as we make use of it.
LITERAL = re.compile(r'"(?:[^"\\\r\n]|\\["\\nr])*"')


@pytest.fixture(scope="module")
def odd(milvus_server: str) -> Iterator[tuple[Server, str]]:
    server = server_of(milvus_server)
    yield server, filled(server, [])
    server.close()


@given(texts=st.lists(ODD, min_size=1, max_size=5, unique=True))
@settings(max_examples=60, deadline=None)
def test_any_text_is_found_by_its_filter(odd: tuple[Server, str], texts: list[str]) -> None:
    server, name = odd
    assert all(LITERAL.fullmatch(schema.quoted(text)) for text in texts)
    server.put(name, [row(text, text) for text in texts])
    assert {one["key"] for one in server.get(name, texts, ["key"])} == set(texts)
    for text in texts:
        where = f"data == {schema.quoted(text)}"
        assert [one["data"] for one in server.find(name, where, ["data"])] == [text]
    server.remove(name, texts)
    assert not list(server.get(name, texts, ["key"]))
