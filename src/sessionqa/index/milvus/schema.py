"""The two collections of a build: passages, which are searched, and records, found by their keys.

A passage's row has its vector, its stems (the engine makes BM25 of them by itself) and the fields
that a filter may name. Everything else, texts included, stands in records.
"""

import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sessionqa import terms
from sessionqa.datatypes import Session
from sessionqa.errors import IndexUnusable
from sessionqa.facets import NUMBERS
from sessionqa.index.passing import Has, Test

# Milvus holds texts up to so many bytes.
MOST_BYTES = 65_535
KEY_BYTES = 1_024
# What keys have beside the code, and how many values a list.
CODE_BYTES = KEY_BYTES - 64
MOST_VALUES = 1_024
RECORDS = "_records"
# So many letters at the end of a build's name tell it from others of the same number.
LETTERS = 6

# As tantivy has them, so that both engines rank alike.
BM25 = {"bm25_k1": 1.2, "bm25_b": 0.75}
# Of vectors that are too many to compare one by one (Malkov and Yashunin 2016).
HNSW = {"M": 24, "efConstruction": 200}
LEAST_EF = 512
# Records are found by key, but a collection must have vectors: the shortest that there are.
UNUSED = [0.0, 0.0]

# The fields of a session by which rows are filtered and that have an index for it (Milvus Lite has
# none for lists); and those of which a session may have several, by what filters call them.
FIELDS = ("session", "event", "track", "year", "level")
LISTS = {"speaker": "speakers", "service": "services"}

# What every tokenizer of Milvus's leaves whole, and what stands for anything else.
_PLAIN = re.compile("[a-z0-9]+")
_SPELT = "zz{}zz"
# What a text in a filter cannot have as it is.
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r"})


def name_of(alias: str, build: str) -> str:
    """The collection of a build's passages, by the build's name; see `build_name`."""
    return f"{alias}_{build.partition('.')[0].replace('-', '_')}"


def build_name(begun: datetime, number: int) -> str:
    """The name of a build: when it was begun, and a number that later ones exceed, with letters."""
    return f"{begun:%Y%m%dT%H%M%SZ}-{number:06x}{secrets.token_hex(LETTERS // 2)}"


def number_of(collection: str) -> int:
    """The number in the name of a build's collection of passages, as clocks may be set back."""
    return int(collection.rpartition("_")[2][:-LETTERS] or "0", 16)


def updated(build: str, number: int) -> str:
    """The name of the build that an update makes of another one."""
    return f"{build.partition('.')[0]}.{number}"


def records_of(passages: str) -> str:
    """The collection of records that goes with one of passages."""
    return passages + RECORDS


def is_build(collection: str, alias: str) -> bool:
    """Whether a collection holds a build's passages below an alias."""
    return re.fullmatch(rf"{re.escape(alias)}_\d{{8}}T\d{{6}}Z_[0-9a-f]+", collection) is not None


def token(stem: str) -> str:
    """A stem as Milvus keeps it: one of letters and digits as it is, another one spelt in hex."""
    return stem if _PLAIN.fullmatch(stem) else _SPELT.format(stem.encode().hex())


def tokens_of(text: str) -> str:
    """The stems of a text as a row has them; of one that is too long those of its beginning."""
    found = " ".join(token(terms.stem(word)) for word in terms.words(text))
    if len(found) > MOST_BYTES:
        found = found[:MOST_BYTES].rpartition(" ")[0]
    # A row has to have some.
    return found or token("")


def scalars(session: Session) -> dict[str, Any]:
    """The fields of a session by which the rows of its passages may be filtered."""
    return {
        "session": session.code,
        "event": session.event,
        "track": session.track,
        "year": session.year or 0,
        "level": session.level or 0,
        "speakers": list(session.people),
        "services": list(session.services),
    }


def check(session: Session) -> None:
    """Raises IndexUnusable for a session whose fields are longer than Milvus takes them."""
    lists = {"speakers": session.people, "services": session.services}
    for name, values in lists.items():
        if len(values) > MOST_VALUES:
            raise _unfit(session, f"{len(values):,} {name}", f"{MOST_VALUES:,}")
    texts = [session.event, session.track, *session.people, *session.services]
    if any(len(text.encode()) > MOST_BYTES for text in texts):
        raise _unfit(session, "a field that is too long", f"{MOST_BYTES:,} bytes")
    if len(session.code.encode()) > CODE_BYTES:
        raise _unfit(session, "a code that is too long", f"{CODE_BYTES:,} bytes")


def _unfit(session: Session, what: str, most: str) -> IndexUnusable:
    named = session.path or session.code[:80]
    return IndexUnusable(f"{named} has {what}, and Milvus takes {most} at most: shorten it")


def passages_schema(client: Any, dim: int) -> Any:
    """The schema of passages with vectors of this length."""
    from pymilvus import DataType, Function, FunctionType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=KEY_BYTES)
    schema.add_field("since", DataType.INT64)
    for name in ("session", "event", "track"):
        schema.add_field(name, DataType.VARCHAR, max_length=MOST_BYTES)
    for name in ("year", "level"):
        schema.add_field(name, DataType.INT64)
    for name in ("speakers", "services"):
        schema.add_field(
            name,
            DataType.ARRAY,
            element_type=DataType.VARCHAR,
            max_capacity=MOST_VALUES,
            max_length=MOST_BYTES,
        )
    schema.add_field("stems", DataType.VARCHAR, max_length=MOST_BYTES, **_analyzed())
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
    schema.add_function(
        Function(
            name="bm25",
            function_type=FunctionType.BM25,
            input_field_names=["stems"],
            output_field_names=["words"],
        )
    )
    return schema


def _analyzed() -> dict[str, Any]:
    return {
        "enable_analyzer": True,
        "enable_match": True,
        "analyzer_params": {"tokenizer": "standard"},
    }


def passages_indexes(client: Any, exact: bool) -> Any:
    """The indexes of passages: every vector compared if `exact`, or else by their graph."""
    indexes = client.prepare_index_params()
    kind: dict[str, Any] = {"index_type": "FLAT", "params": {}}
    if not exact:
        kind = {"index_type": "HNSW", "params": HNSW}
    indexes.add_index(field_name="vector", metric_type="IP", **kind)
    indexes.add_index(
        field_name="words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25", params=BM25
    )
    for field in ("key", "since", *FIELDS):
        indexes.add_index(field_name=field, index_type="INVERTED")
    return indexes


def records_schema(client: Any) -> Any:
    """The schema of records."""
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=KEY_BYTES)
    schema.add_field("data", DataType.VARCHAR, max_length=MOST_BYTES)
    schema.add_field("since", DataType.INT64)
    schema.add_field("unused", DataType.FLOAT_VECTOR, dim=len(UNUSED))
    return schema


def records_indexes(client: Any) -> Any:
    """The indexes of records."""
    indexes = client.prepare_index_params()
    indexes.add_index(field_name="unused", index_type="FLAT", metric_type="L2")
    return indexes


def one_of(field: str, values: Iterable[str]) -> str:
    """The filter that lets rows pass whose field has one of these values."""
    return f"{field} in [{', '.join(map(quoted, values))}]"


def passes(test: Test) -> str:
    """The filter that lets rows pass whose session passes."""
    if isinstance(test, Has):
        if test.field in LISTS:
            listed = ", ".join(map(quoted, test.values))
            return f"array_contains_any({LISTS[test.field]}, [{listed}])"
        if test.field in NUMBERS:
            return f"{test.field} in [{', '.join(test.values)}]"
        return one_of(test.field, test.values)
    return f"({passes(test.one)} {test.joint} {passes(test.other)})"


def having_all(stems: Sequence[str]) -> str:
    """The filter that lets rows pass which have all of the stems."""
    found = (f"text_match(stems, {quoted(token(stem))})" for stem in dict.fromkeys(stems))
    return " and ".join(found)


def quoted(text: str) -> str:
    """A text as filters write it; Milvus's grammar has no line ends within quotes."""
    return f'"{text.translate(_ESCAPED)}"'
