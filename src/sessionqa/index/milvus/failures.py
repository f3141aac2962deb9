"""What a failed call to Milvus means, by the codes of gRPC and of Milvus, never by its words.

A name that the user chose may stand in the words: an index called `authors` refuses nobody. The
numbers are those of Milvus's `merr`, of pymilvus and of Milvus Lite.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sessionqa.errors import IndexMissing, IndexUnusable, first_line
from sessionqa.index.milvus.address import Address

Code = int | str

# Another try may do away with these: the last is pymilvus's, of a connection that was not made.
_PASSING: set[Code] = {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED", "UNKNOWN", 2}
_REFUSED: set[Code] = {"UNAUTHENTICATED", "PERMISSION_DENIED", 1400, 1401}
# No collection, no alias, and an alias of a collection that is gone.
_MISSING: set[Code] = {100, 1600, 1603}
_NO_DATABASE: set[Code] = {800}
NOT_LOADED = 101
# Not loaded, not all of it loaded, and being recovered.
_LOADING: set[Code] = {NOT_LOADED, 103, 106}
_TIMED_OUT: set[Code] = {"DEADLINE_EXCEEDED", 10_001}
# Of an index of a field, in Milvus Lite; Milvus itself is content with one that is the same.
INDEX_EXISTS = 35
# By which pymilvus says that it waited in vain, among much else.
_UNEXPECTED = 1


def codes_of(error: Exception) -> frozenset[Code]:
    """The names of gRPC's codes and the numbers of Milvus's, those of its causes among them."""
    return frozenset(code for one in _causes(error) if (code := _code_of(one)) is not None)


def may_pass(error: Exception) -> bool:
    """Whether another try may do."""
    from pymilvus.exceptions import ConnectError, MilvusUnavailableException

    codes = codes_of(error)
    if codes & _REFUSED:
        return False
    if codes & (_PASSING | _LOADING):
        return True
    return any(
        isinstance(one, ConnectError | MilvusUnavailableException)
        or getattr(one, "retriable", False) is True
        for one in _causes(error)
    )


def failure(
    error: Exception, address: Address, seconds: float, late: bool, loading: bool = False
) -> IndexUnusable | None:
    """What to raise for a call that failed; None if its codes do not tell why.

    `late` says that its time, `seconds`, was over; `loading` that it was to load a collection.
    """
    codes, told = codes_of(error), _told(error)
    if codes & _REFUSED:
        return IndexUnusable(
            f"{address} refuses the credentials ({told}): name the right ones, as user:password "
            "or as a key, in $SESSIONQA_MILVUS_TOKEN"
        )
    waited = codes & (_TIMED_OUT | {_UNEXPECTED})
    if codes & _LOADING or (loading and late and waited):
        return IndexUnusable(
            f"{address} is still loading the index into memory ({told}), for which "
            f"{_rounded(seconds)} s were not enough: try again in a while, or raise "
            "milvus_seconds so that it is waited for"
        )
    passing = bool(codes & _TIMED_OUT) or may_pass(error)
    found = None if passing else _absent(error, address)
    if found is None and (passing or late):
        return _unanswered(address, told, seconds)
    return found


def _absent(error: Exception, address: Address) -> IndexUnusable | None:
    """What to raise where something is not there; None if nothing is known to be absent."""
    codes = codes_of(error)
    if codes & _NO_DATABASE:
        return no_database(error, address)
    if codes & _MISSING:
        return missing(address, _told(error))
    return _unopened(address) if address.is_file and _is_of_opening(error) else None


def unclear(error: Exception, address: Address) -> IndexUnusable:
    """What to raise for a call that failed where nothing tells why."""
    return IndexUnusable(f"{address} failed ({_told(error)}): see its log, then try again")


def missing(address: Address, why: str) -> IndexMissing:
    """What to raise where there is no index."""
    return IndexMissing(
        f"there is no index in {address} ({why}): run `sessionqa index`, with the same "
        "--corpus and --index if you gave any"
    )


def no_database(error: Exception, address: Address) -> IndexUnusable:
    """What to raise where the database of the address is not."""
    made = f"MilvusClient('{address.uri}', token='...').create_database('{address.database}')"
    return IndexUnusable(
        f"there is no database {address.database} in {address.uri} ({_told(error)}): create it "
        f"first, with pymilvus's {made}, or leave it out of the address"
    )


def _unanswered(address: Address, why: str, seconds: float) -> IndexUnusable:
    return IndexUnusable(
        f"{address} did not answer within {_rounded(seconds)} s ({why}): see that the server runs "
        "and can be reached from here, or raise milvus_seconds"
    )


def _unopened(address: Address) -> IndexUnusable:
    path = Path(address.uri)
    if not path.parent.is_dir():
        return IndexUnusable(
            f"{address} cannot be opened: there is no folder {path.parent}: create it"
        )
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return IndexUnusable(
            f"{address} cannot be written to, which Milvus Lite does even to ask: give it write "
            "permission, or copy it where you have that"
        )
    return IndexUnusable(
        f"{address} cannot be opened: another process has it, or it is no file of Milvus "
        "Lite's; end that process, or have `milvus-lite server` serve it to many"
    )


def _is_of_opening(error: Exception) -> bool:
    from pymilvus.exceptions import ConnectionConfigException

    return isinstance(error, ConnectionConfigException)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, its cause, and so on; pymilvus makes some their own causes."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__


def _code_of(error: BaseException) -> Code | None:
    code: Any = getattr(error, "code", None)
    code = code() if callable(code) else code
    if isinstance(code, int):
        return int(code)
    name = getattr(code, "name", None)
    return name if isinstance(name, str) else None


def _told(error: Exception) -> str:
    """What it says, on one line; an error of gRPC's shows itself on many."""
    details: Any = getattr(error, "details", None)
    if callable(details):
        return first_line(Exception(f"{_code_of(error)}: {details()}"))
    # One of pymilvus's shows itself as what is raised, with a number.
    message: Any = getattr(error, "message", None)
    return first_line(Exception(message) if isinstance(message, str) and message else error)


def _rounded(seconds: float) -> str:
    return f"{round(seconds, 1):g}"
