"""One Milvus: every call has a time limit, is retried where that helps, and fails in our words."""

import logging
import os
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from threading import Lock
from typing import Any, NoReturn

from sessionqa.errors import (
    IndexMissing,
    IndexUnusable,
    ModuleMissing,
    OutgoingRefused,
    SettingsError,
)
from sessionqa.index.milvus import failures
from sessionqa.index.milvus.address import Address
from sessionqa.index.milvus.schema import one_of, quoted
from sessionqa.offline import is_here
from sessionqa.settings import Settings

# Writing, and making indexes of what was written, may take longer than an answer may.
WRITING = 12
# A message of gRPC's has 4 MB at most on many servers, unless they were set up for more.
ROWS_BYTES = 3_000_000
KEYS_AT_ONCE = 500
# A page of the longest rows is 33 MB; Milvus answers with 100 MB and 16,384 rows at most.
PAGE_ROWS = 500
# Between two tries of a call that failed because the server is away or has too much to do.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
# So much of the time that is left may go into loading what a call found not loaded.
LOADING_SHARE = 0.75
# A look whether it was the database that a failed call did not find, in seconds.
LOOK = 1.0

# A server that is away is tried again soon: by itself gRPC comes to wait for two minutes. While
# nobody asks, it is left alone: Milvus Lite's shuts the line on who calls for nothing.
_LINE = {
    "grpc.keepalive_permit_without_calls": 0,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 500,
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.use_local_subchannel_pool": 1,
}
Row = dict[str, Any]


class Server:
    """A connection. Safe among threads; reopened by itself when the server comes back."""

    def __init__(self, address: Address, settings: Settings) -> None:
        """Connects nowhere yet. Raises ModuleMissing, SettingsError or OutgoingRefused."""
        _need(address)
        if settings.offline and not is_here(address.host):
            raise OutgoingRefused(
                f"{address.uri} was to be called, and `offline` is set: leave `offline` out to "
                "allow it"
            )
        if settings.milvus_ca and not address.uri.startswith("https:"):
            raise SettingsError(
                f"milvus_ca is set, and {address} does not begin with milvus:https: write it so"
            )
        if settings.milvus_ca and not os.access(settings.milvus_ca, os.R_OK):
            raise SettingsError(f"milvus_ca is {settings.milvus_ca}, which cannot be read")
        self.address = address
        self._settings = settings
        self._client: Any = None
        # pymilvus keeps a connection until it is closed, whoever has forgotten it.
        self._closing: weakref.finalize[..., Any] | None = None
        self._opening = Lock()

    def close(self) -> None:
        """Ends the connection, if there is one; the next call makes another one."""
        with self._opening:
            if self._closing:
                self._closing()
            self._client = self._closing = None

    def target(self) -> str | None:
        """The collection that the alias names; None where there is none of that name."""
        try:
            told = self._call("describe_alias", alias=self.address.alias)
        except IndexMissing:
            return None
        return str(told["collection_name"])

    def release(self, name: str) -> None:
        """Has a collection searched no more, until it is loaded: it takes no memory then."""
        self._call("release_collection", collection_name=name, slow=True)

    def point_to(self, collection: str) -> None:
        """Has the alias name this collection, from one moment to the next."""
        named: dict[str, Any] = {"collection_name": collection, "alias": self.address.alias}
        if self.target() is None:
            try:
                self._call("create_alias", **named)
            except IndexUnusable:
                # It may be there by a try whose answer was lost.
                if self.target() is None:
                    raise
        if self.target() != collection:
            self._call("alter_alias", **named)

    def collections(self) -> list[str]:
        """The names of all collections of the database."""
        return list(self._call("list_collections"))

    def create(self, name: str, schema: Any, indexes: Any) -> None:
        """Makes a collection, with its indexes; it is searched once it has settled."""
        named: dict[str, Any] = {"collection_name": name, "slow": True}
        try:
            self._call("create_collection", schema=schema, consistency_level="Strong", **named)
        except IndexUnusable:
            # It may be there by a try whose answer was lost.
            if name not in self.collections():
                raise
        for index in indexes:
            # One by one: of several, a second try would begin with one that is there.
            one = type(indexes)([index])
            # Whatever has to be waited for is waited for when there are rows.
            self._call("create_index", index_params=one, sync=False, **named)

    def drop(self, name: str) -> None:
        """Removes a collection; nothing if it is not there."""
        self._call("drop_collection", collection_name=name, slow=True)

    def described(self, name: str) -> dict[str, Any]:
        """What Milvus says of a collection. Raises IndexMissing if it is not there."""
        return dict(self._call("describe_collection", collection_name=name))

    def count(self, name: str, filter: str = "") -> int:
        """How many rows a collection has, or how many of them pass a filter."""
        return int(self.find(name, filter, ["count(*)"])[0]["count(*)"])

    def put(self, name: str, rows: Sequence[Row]) -> None:
        """Writes rows, in place of those with the same keys; twice is as good as once."""
        for part in _parts(rows):
            self._call("upsert", collection_name=name, data=list(part), slow=True)

    def settle(self, name: str) -> None:
        """Waits until all that was written is on disk, and has it searched from now on."""
        self._call("flush", collection_name=name, slow=True)
        self.load(name)

    def load(self, name: str) -> None:
        """Has a collection searched from now on; nothing if it is already."""
        self._call("load_collection", collection_name=name, slow=True)

    def remove(self, name: str, keys: Sequence[str]) -> None:
        """Removes the rows of these keys."""
        for filter in _keyed(keys):
            self.remove_where(name, filter)

    def remove_where(self, name: str, filter: str) -> None:
        """Removes the rows that pass a filter."""
        self._call("delete", collection_name=name, filter=filter, slow=True)

    def get(
        self, name: str, keys: Sequence[str], fields: Sequence[str], settled: bool = False
    ) -> Iterator[Row]:
        """The rows of these keys, those that there are, in any order; `settled` as for `find`."""
        for filter in _keyed(keys):
            yield from self.find(name, filter, fields, settled)

    def find(
        self, name: str, filter: str, fields: Sequence[str], settled: bool = False
    ) -> list[Row]:
        """The rows that pass a filter, as they are now.

        With `settled` as they were a while ago, which takes less time: Milvus does not wait for
        what was written in the last seconds (its `common.gracefulTime`, 5 s unless it was set up
        otherwise). That is right for rows which have not changed for longer than that.
        """
        found = self._call(
            "query",
            collection_name=name,
            filter=filter,
            output_fields=list(fields),
            consistency_level=_consistency(settled),
        )
        return list(found)

    def pages(self, name: str, filter: str, fields: Sequence[str]) -> Iterator[list[Row]]:
        """The rows that pass a filter, by ascending keys, a page of them at a time.

        For more rows than one answer may have. Each page is as the rows are when it is read.
        """
        last = ""
        while True:
            after = f"key > {quoted(last)}"
            page = self._call(
                "query",
                collection_name=name,
                filter=f"{after} and ({filter})" if filter else after,
                output_fields=list(dict.fromkeys(["key", *fields])),
                limit=PAGE_ROWS,
                # As pymilvus's own iterator, or they would come in any order. A page that is not
                # full may have another one behind it.
                iterator="True",
                reduce_stop_for_best="False",
            )
            if not page:
                return
            yield list(page)
            last = str(page[-1]["key"])

    def search(
        self,
        name: str,
        field: str,
        query: Any,
        k: int,
        filter: str,
        fields: Sequence[str],
        params: Mapping[str, Any],
        settled: bool = False,
    ) -> list[Row]:
        """The best `k` rows by a field's index: `key`, `distance` and, as `entity`, the fields.

        `settled` as for `find`.
        """
        found = self._call(
            "search",
            collection_name=name,
            anns_field=field,
            data=[query],
            limit=k,
            filter=filter,
            output_fields=list(fields),
            search_params={"params": dict(params)},
            consistency_level=_consistency(settled),
        )
        return list(found[0]) if found else []

    def missing(self, why: str) -> IndexMissing:
        """What to raise where there is no index."""
        return failures.missing(self.address, why)

    def _call(self, method: str, slow: bool = False, **arguments: Any) -> Any:
        """What a method of the client's returns, in the time that it may take."""
        seconds = self._settings.milvus_seconds * (WRITING if slow else 1)
        return self._within(seconds, method, **arguments)

    def _within(self, seconds: float, method: str, **arguments: Any) -> Any:
        """What a method of the client's returns.

        A call that fails for a reason that may pass is tried again until the time is over, all of
        them being such that twice is as good as once.
        """
        _client_class()  # to import it may take seconds, and is not the server's time
        ends = time.monotonic() + seconds
        pause = FIRST_PAUSE
        loading = method == "load_collection"
        while True:
            try:
                client = self._opened(ends)
                return getattr(client, method)(timeout=_left(ends), **arguments)
            except Exception as error:  # pymilvus and gRPC each raise their own
                codes = failures.codes_of(error)
                if failures.INDEX_EXISTS in codes:
                    return None  # by a try whose answer was lost
                if not failures.may_pass(error) or time.monotonic() + FIRST_PAUSE >= ends:
                    raise self._translated(error, seconds, ends, loading) from error
                if failures.NOT_LOADED in codes and not loading:
                    # The server has been started anew.
                    self._begin_loading(arguments["collection_name"], LOADING_SHARE * _left(ends))
            time.sleep(min(pause, _left(ends) / 2))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _begin_loading(self, name: str, seconds: float) -> None:
        """Has a collection loaded, and does not wait until it is, except for Milvus Lite's."""
        self._within(seconds, "load_collection", collection_name=name, _async=True)

    def _opened(self, ends: float) -> Any:
        if not self._opening.acquire(timeout=_left(ends)):
            raise TimeoutError("another call was still connecting")
        try:
            if self._client is None:
                client = _connected(self.address, self._settings, _left(ends))
                self._closing = weakref.finalize(self, client.close)
                self._closing.atexit = False
                self._client = client
            return self._client
        finally:
            self._opening.release()

    def _translated(
        self, error: Exception, seconds: float, ends: float, loading: bool
    ) -> IndexUnusable:
        late = time.monotonic() + FIRST_PAUSE >= ends
        found = failures.failure(error, self.address, seconds, late, loading)
        if found is None and self.address.database and not self._has_database():
            return failures.no_database(error, self.address)
        return found or failures.unclear(error, self.address)

    def _has_database(self) -> bool:
        """Whether the database is there, as far as can be told: Milvus Lite has no code for it."""
        with suppress(Exception):
            listed = self._client.list_databases(timeout=LOOK)
            return self.address.database in listed
        return True


def _need(address: Address) -> None:
    from importlib.util import find_spec

    for module in ("pymilvus", *(["milvus_lite"] if address.is_file else [])):
        if find_spec(module) is None:
            raise ModuleMissing(
                f"{address} takes the package {module}, which is not installed: run "
                "`pip install 'sessionqa[milvus]'`"
            )


@cache
def _client_class() -> Any:
    """The client of pymilvus, made quiet: what it would log it raises as well."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from pymilvus import MilvusClient

    for name in ("pymilvus", "milvus_lite"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return MilvusClient


def _connected(address: Address, settings: Settings, seconds: float) -> Any:
    secured = {"server_pem_path": settings.milvus_ca} if settings.milvus_ca else {}
    client = _client_class()(
        address.uri,
        token=settings.milvus_token,
        db_name=address.database,
        timeout=seconds,
        grpc_options=_LINE,
        dedicated=True,  # or it would be shared with one of other certificates
        **secured,
    )
    # What pymilvus asks when a call fails. It would connect anew, all threads in turn and each as
    # long as it likes, and try again for as long as the first time; gRPC's line mends itself.
    client._handler._on_rpc_error = _raise
    return client


def _raise(error: Exception) -> NoReturn:
    raise error


def _keyed(keys: Sequence[str]) -> Iterator[str]:
    """Filters that let the rows of these keys pass; the client's own do not quote them."""
    for at in range(0, len(keys), KEYS_AT_ONCE):
        yield one_of("key", keys[at : at + KEYS_AT_ONCE])


def _parts(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """`rows` in parts that are each less than a message may have."""
    part: list[Row] = []
    size = 0
    for row in rows:
        own = sum(_size(value) for value in row.values())
        if part and size + own > ROWS_BYTES:
            yield part
            part, size = [], 0
        part.append(row)
        size += own
    if part:
        yield part


def _size(value: Any) -> int:
    return 4 * len(value) if isinstance(value, str) else 4 * getattr(value, "size", 2)


def _left(ends: float) -> float:
    return max(0.001, ends - time.monotonic())


def _consistency(settled: bool) -> str:
    return "Bounded" if settled else "Strong"
