"""Values by key, as the build has them that a reader has opened, whatever was written since.

A record is one row: the value as it is now and as it was before, each with the number of the
build that it holds from. What is too long for a row stands in rows of its own, `key/number/part`.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sessionqa.errors import IndexUnusable
from sessionqa.index.milvus.schema import KEY_BYTES, UNUSED
from sessionqa.index.milvus.server import Row, Server
from sessionqa.remembered import Remembered

# Of each record so many are known: the latest, and the one that earlier readers go on with.
VERSIONS = 2
# What is longer than this stands apart, in parts: all versions fit into one row.
INLINE_CHARS, PART_CHARS = 30_000, 60_000
# So many values are remembered, and so many of those that are bytes.
KEPT, KEPT_RAW = 20_000, 4_000
_GONE = -1


def _never() -> bool:
    return False


class Records:
    """The records of one collection as of build `number`."""

    def __init__(
        self, server: Server, collection: str, number: int, settled: Callable[[], bool] = _never
    ) -> None:
        """`settled` says whether all of that build was written long ago; see `Server.find`."""
        self._server = server
        self._settled = settled
        self._collection = collection
        self._number = number
        self._known = Remembered[tuple[Any, ...]](KEPT)
        self._known_raw = Remembered[tuple[Any, ...]](KEPT_RAW)

    def one(self, key: str) -> Any:
        """The value of a key; None if it has none."""
        return self.of([key]).get(key)

    def of(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values of those of the keys that have one, made of JSON, in the order of `keys`."""
        return self._read(keys, self._known, _unpacked)

    def raw(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The same of values that are bytes. Raises IndexUnusable if one is not there."""
        wanted = list(keys)
        found = self._read(wanted, self._known_raw, base64.b64decode)
        if any(key not in found for key in wanted):
            raise self._left_behind()
        return found

    def fresh(self, keys: Iterable[str]) -> dict[str, Any]:
        """As `of`, of values that the caller remembers in a form of its own."""
        texts = self._texts(list(dict.fromkeys(keys)))
        return {key: _unpacked(text) for key, text in texts.items()}

    def _read(
        self,
        keys: Iterable[str],
        kept: Remembered[tuple[Any, ...]],
        decode: Callable[[str], Any],
    ) -> dict[str, Any]:
        wanted = list(dict.fromkeys(keys))
        found = {key: kept.get(key) for key in wanted}
        unknown = [key for key, value in found.items() if value is None]
        texts = self._texts(unknown)
        for key in unknown:
            # That there is nothing of a key is kept as well, as ().
            found[key] = (decode(texts[key]),) if key in texts else ()
            kept.keep(key, found[key] or ())
        return {key: value[0] for key, value in found.items() if value}

    def _texts(self, keys: Sequence[str]) -> dict[str, str]:
        if not keys:
            return {}
        found: dict[str, str] = {}
        long: dict[str, tuple[int, int]] = {}
        for key, versions in self.versions(keys).items():
            since, parts, text = self._visible(versions)
            if parts > 0:
                long[key] = since, parts
            elif parts != _GONE:
                found[key] = text
        names = {key: _part_keys(key, *place) for key, place in long.items()}
        rows = self._rows([name for own in names.values() for name in own])
        for key, own in names.items():
            if any(name not in rows for name in own):
                raise self._left_behind()
            found[key] = "".join(rows[name] for name in own)
        return found

    def versions(self, keys: Sequence[str]) -> dict[str, list[Any]]:
        """What the rows of those keys hold, whichever build they are of, the latest first."""
        names = {key_of(key): key for key in keys}
        rows = self._rows(list(names))
        return {names[name]: json.loads(data) for name, data in rows.items()}

    def names(self, keys: Sequence[str]) -> list[str]:
        """The keys of all rows that hold something of these keys, whichever build it is of."""
        found = self.versions(keys)
        parts = [
            name
            for key, versions in found.items()
            for since, count, _ in versions
            for name in _part_keys(key, since, max(0, count))
        ]
        return [*map(key_of, found), *parts]

    def _rows(self, keys: Sequence[str]) -> dict[str, str]:
        rows = self._server.get(self._collection, keys, ["key", "data"], self._settled())
        return {row["key"]: row["data"] for row in rows}

    def _visible(self, versions: Sequence[Any]) -> tuple[int, int, str]:
        for since, parts, text in versions:
            if since <= self._number:
                return since, parts, text
        if len(versions) < VERSIONS:
            return 0, _GONE, ""  # it is newer than this build
        raise self._left_behind()

    def _left_behind(self) -> IndexUnusable:
        return IndexUnusable(
            f"{self._server.address} was brought up to date twice meanwhile, or is not whole: ask "
            "again, and if that does not help, run `sessionqa index --repair`"
        )


def key_of(key: str) -> str:
    """`key` as a row has it: one that is too long by its beginning and its checksum."""
    raw = key.encode()
    if len(raw) <= KEY_BYTES - 64:
        return key
    return f"{raw[:512].decode(errors='ignore')}/{hashlib.sha256(raw).hexdigest()}"


def rows_of(key: str, value: Any, number: int, before: Sequence[Any] = ()) -> Iterator[Row]:
    """The rows that give `key` a value from build `number` on; None takes it away.

    `before` is what `versions` tells of it; the value is bytes, or goes into JSON.
    """
    text = base64.b64encode(value).decode() if isinstance(value, bytes) else _packed(value)
    kept = [one for one in before if one[0] < number][: VERSIONS - 1]
    if value is None:
        first: list[Any] = [number, _GONE, ""]
    elif len(text) > INLINE_CHARS:
        yield from _part_rows(key, number, text)
        first = [number, _part_count(text), ""]
    else:
        first = [number, 0, text]
    data = json.dumps([first, *kept], separators=(",", ":"))
    yield _row(key_of(key), data, number)


def stale_parts(key: str, before: Sequence[Any], number: int) -> list[str]:
    """The keys of the parts that no row names any more once `key` has a value as of `number`."""
    older = [one for one in before if one[0] < number]
    return [
        name
        for since, parts, _ in older[VERSIONS - 1 :]
        for name in _part_keys(key, since, max(0, parts))
    ]


def rows_before(rows: Iterable[Row]) -> tuple[list[Row], list[str]]:
    """What undoes the latest writing of these rows: those to put, and the keys of those to remove.

    They are all rows that were written for a build which was broken off.
    """
    put, removed = [], []
    for row in rows:
        # A part is no list; nor has what was new been anything before.
        older = json.loads(row["data"])[1:] if row["data"].startswith("[") else []
        if older:
            put.append(_row(row["key"], json.dumps(older, separators=(",", ":")), older[0][0]))
        else:
            removed.append(row["key"])
    return put, removed


def _row(key: str, data: str, since: int) -> Row:
    return {"key": key, "data": data, "since": since, "unused": UNUSED}


def _part_count(text: str) -> int:
    return -(-len(text) // PART_CHARS)


def _part_keys(key: str, since: int, parts: int) -> list[str]:
    return [f"{key_of(key)}/{since}/{part}" for part in range(parts)]


def _part_rows(key: str, since: int, text: str) -> Iterator[Row]:
    for part, name in enumerate(_part_keys(key, since, _part_count(text))):
        data = text[part * PART_CHARS : (part + 1) * PART_CHARS]
        yield _row(name, data, since)


def _packed(value: Any) -> str:
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(raw)).decode()


def _unpacked(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text)))
