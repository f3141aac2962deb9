"""An index in Milvus is brought up to date, broken off, gone back from, and found damaged."""

import json
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from pymilvus import MilvusClient

from sessionqa import Assistant, Session, Settings, build_index
from sessionqa.cli import main
from sessionqa.corpus import stamps
from sessionqa.datatypes import Speaker
from sessionqa.encode import OnnxEncoder
from sessionqa.errors import IndexDamaged, IndexUnusable
from sessionqa.index.milvus import filling, schema
from sessionqa.index.milvus.milvus import MilvusIndex
from sessionqa.index.milvus.server import Server
from sessionqa.index.milvus.store import MilvusStore
from sessionqa.index.stores import store_of

Write = Callable[..., Path]
QUESTIONS = ("What do worms eat?", "How hot is tea brewed?", "What do bees prefer?", "oils mint")


class Broken(Exception):
    """What a test breaks a build off with."""


@pytest.fixture
def kind_of_index() -> str:
    """Every index here is in Milvus."""
    return "milvus"


@pytest.fixture
def new_index(milvus_server: str, tmp_path: Path) -> Callable[[], str]:
    names = iter(range(9))
    return lambda: f"milvus:{milvus_server}/u{abs(hash(tmp_path))}_{next(names)}"


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is encoded from now on."""
    texts: list[str] = []
    encode = OnnxEncoder.encode_with_tokens

    def noting(self: OnnxEncoder, given: Any, progress: Any = None) -> Any:
        texts.extend(given)
        return encode(self, given, progress)

    monkeypatch.setattr(OnnxEncoder, "encode_with_tokens", noting)
    return texts


def opened(settings: Settings) -> MilvusIndex:
    store = store_of(settings)
    index = store.open(store.live(), verify=True)
    assert isinstance(index, MilvusIndex)
    return index


def told(assistant: Assistant) -> list[Any]:
    """Everything that answers are made of."""
    found: list[Any] = [assistant.index.digests(), assistant.index.sessions()]
    for question in QUESTIONS:
        hits = assistant.retriever.retrieve(question, 9)
        found.append([(hit.passage, round(hit.session_score or 0, 4)) for hit in hits])
        found.append(assistant.ask(question).text)
    stems = ["worm", "tea", "bee", "mint", "borag", "citru"]
    found += [assistant.index.known_words(stems), assistant.index.sentence_counts(stems)]
    found += [assistant.index.words_like(word, 2) for word in ("wurms", "teaa", "borrage")]
    found += [assistant.index.values(field) for field in ("session", "speaker", "track", "level")]
    return found


def change(write_session: Write) -> None:
    """A session is changed, one is new, and one is gone."""
    write_session("GAR101", "Composting on a balcony", "Worms eat kitchen scraps. Never lemons.")
    write_session("GAR303", "Bees", "Bees prefer borage. Mint is for tea.", speakers="[{name: Al}]")


def test_an_update_gives_what_a_build_from_nothing_gives(
    garden: Settings, write_session: Write, new_index: Callable[[], str], encoded: list[str]
) -> None:
    first_build = build_index(garden)
    first = encoded.copy()
    encoded.clear()
    change(write_session)
    (garden.corpus / "GAR202.md").rename(garden.corpus / "tea.md")
    manifest = build_index(garden)
    assert manifest.number == 2
    assert manifest.build != first_build.build
    assert len(encoded) < len(first) + 2
    assert not [text for text in encoded if "eighty degrees" in text]
    fresh = garden.with_(index=new_index())
    build_index(fresh)
    assert told(Assistant.open(garden)) == told(Assistant.open(fresh))
    opened(garden)
    (garden.corpus / "GAR303.md").unlink()
    build_index(garden)
    (fresh.corpus / "none.md").unlink(missing_ok=True)
    again = garden.with_(index=new_index())
    build_index(again)
    assert told(Assistant.open(garden)) == told(Assistant.open(again))
    opened(garden)


def test_who_has_opened_a_build_goes_on_with_it(garden: Settings, write_session: Write) -> None:
    build_index(garden)
    before = Assistant.open(garden)
    vector = before.encoder.encode_question("Never lemons.")
    ids = [id_ for id_, _ in before.index.dense(vector, 9)]
    change(write_session)
    (garden.corpus / "GAR202.md").unlink()
    build_index(garden)
    # Nothing of it was asked for yet: it is read now.
    assert [id_ for id_, _ in before.index.dense(vector, 9)] == ids
    assert {one.code for one in before.index.sessions()} == {"GAR101", "GAR202"}
    session = before.index.session("GAR101")
    assert session is not None
    assert "citrus" in session.text
    assert before.index.sentence_counts(["lemon", "balm"]) == {"lemon": 1, "balm": 1}
    now = Assistant.open(garden).index
    assert {one.code for one in now.sessions()} == {"GAR101", "GAR303"}
    assert now.sentence_counts(["lemon", "balm"]) == {"lemon": 1}


def test_who_follows_answers_from_the_newest(
    garden: Settings, write_session: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessionqa.index.milvus.store.SEEN_FOR", 0.0)
    build_index(garden)
    assistant = Assistant.open(garden)
    assert assistant.ask("What do bees prefer?").refused
    change(write_session)
    build_index(garden)
    assert "borage" in assistant.live().ask("What do bees prefer?").text


# What changes something on the server. The update below does so as often, and is published by the
# last but one.
WRITING = frozenset({"upsert", "delete", "flush", "create_alias", "alter_alias", "drop_collection"})
WRITINGS = 11


@pytest.mark.parametrize("writing", range(1, WRITINGS + 1))
def test_an_update_that_is_broken_off_anywhere_harms_nothing(
    writing: int,
    garden: Settings,
    write_session: Write,
    new_index: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build_index(garden)
    change(write_session)
    # From here on there is something that the next update has to remove.
    build_index(garden)
    before = told(Assistant.open(garden))
    write_session("GAR101", "Composting on a balcony", "Worms eat peels. Never limes.")
    (garden.corpus / "GAR202.md").unlink()
    with monkeypatch.context() as patch:
        _break_off(patch, writing)
        with pytest.raises(Broken):
            build_index(garden)
    if writing < WRITINGS:
        assert told(Assistant.open(garden)) == before
        opened(garden)
    # What the broken update was to add is gone when the next one comes.
    write_session("GAR101", "Composting on a balcony", "Worms eat kitchen scraps, all of them.")
    (garden.corpus / "GAR303.md").unlink()
    build_index(garden)
    fresh = garden.with_(index=new_index())
    build_index(fresh)
    assert told(Assistant.open(garden)) == told(Assistant.open(fresh))
    opened(garden)


def _break_off(patch: pytest.MonkeyPatch, after: int, methods: Collection[str] = WRITING) -> None:
    """Has the n-th call of these fail; one that writes rows in the middle, with half there."""
    call, count = Server._call, iter(range(1, 99))

    def failing(self: Server, method: str, slow: bool = False, **arguments: Any) -> Any:
        if method in methods and next(count) == after:
            if method == "upsert":
                half = arguments["data"][: len(arguments["data"]) // 2]
                call(self, method, slow, **{**arguments, "data": half})
            raise Broken(method)
        return call(self, method, slow, **arguments)

    patch.setattr(Server, "_call", failing)


def test_a_build_that_is_broken_off_goes_on_where_it_was(
    garden: Settings,
    new_index: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    encoded: list[str],
) -> None:
    monkeypatch.setattr(filling, "BATCH", 1)
    with monkeypatch.context() as patch:
        _break_off(patch, 3)
        with pytest.raises(Broken):
            build_index(garden)
    assert [text for text in encoded if "kitchen scraps" in text]
    encoded.clear()
    build_index(garden)
    assert encoded
    assert not [text for text in encoded if "kitchen scraps" in text]
    fresh = garden.with_(index=new_index())
    build_index(fresh)
    assert told(Assistant.open(garden)) == told(Assistant.open(fresh))
    assert len(_collections(garden)) == 2


def test_a_note_that_a_live_build_left_does_not_have_it_removed(
    garden: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the machine had stopped between the alias and the note's removal."""
    live = build_index(garden)
    note = {"inputs": "others", "build": live.build, "number": 1}
    (garden.index / filling.MAKING).write_text(json.dumps(note))
    with monkeypatch.context() as patch:
        _break_off(patch, 1)
        with pytest.raises(Broken):
            build_index(garden, force=True)
    assert "scraps" in Assistant.open(garden).ask("What do worms eat?").text


def _collections(settings: Settings) -> list[str]:
    store = store_of(settings)
    assert isinstance(store, MilvusStore)
    alias = store._server.address.alias
    return [name for name in store._server.collections() if name.startswith(alias)]


def test_builds_by_force_are_kept_and_gone_back_to(
    garden: Settings, write_session: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    garden = garden.with_(keep_builds=1)
    first = build_index(garden)
    write_session("GAR303", "Bees", "Bees prefer borage.")
    second = build_index(garden, force=True)
    assert second.build != first.build
    third = build_index(garden, force=True)
    assert len(_collections(garden)) == 4
    place = ["--corpus", str(garden.corpus), "--index", garden.place]
    assert main(["index", "--rollback", *place]) == 0
    assert second.build in capsys.readouterr().out
    assert store_of(garden).live().build == second.build
    assert main(["index", "--rollback", *place]) == 3
    assert "no earlier build" in capsys.readouterr().err
    assert third.number == 3


def test_builds_are_told_apart_though_the_clock_was_set_back(
    garden: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2001, 1, 1, tzinfo=tz)

    first = build_index(garden)
    monkeypatch.setattr(filling, "datetime", Late)
    second = build_index(garden, force=True)
    assert store_of(garden).live().build == second.build
    assert store_of(garden).roll_back().build == first.build
    third = build_index(garden, force=True)
    assert len(_collections(garden)) == 6
    assert store_of(garden).roll_back().build == second.build
    assert third.number > second.number > first.number


def test_what_is_missing_is_found_and_mended(
    garden: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    build_index(garden)
    place = ["--corpus", str(garden.corpus), "--index", garden.place]
    assert main(["index", "--verify", *place]) == 0
    store = store_of(garden)
    assert isinstance(store, MilvusStore)
    collection = store._server.target()
    assert collection
    store._server.remove(f"{collection}_records", ["session:gar101"])
    assert main(["index", "--verify", *place]) == 3
    assert "--repair" in capsys.readouterr().err
    with pytest.raises(IndexDamaged):
        opened(garden)
    assert main(["index", "--repair", *place]) == 0
    capsys.readouterr()
    assert main(["index", "--verify", *place]) == 0
    capsys.readouterr()
    assert main(["doctor", *place]) == 0
    said = capsys.readouterr().out
    assert "pymilvus" in said
    assert version("pymilvus") in said
    assert "every row there" in said


def test_what_would_be_done_is_told(
    garden: Settings, write_session: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--corpus", str(garden.corpus), "--index", garden.place]
    assert main(["index", "--dry-run", *place]) == 0
    assert "no whole build" in capsys.readouterr().out
    build_index(garden)
    assert main(["index", "--dry-run", *place]) == 0
    assert "nothing to do" in capsys.readouterr().out
    change(write_session)
    assert main(["index", "--dry-run", *place]) == 0
    out = capsys.readouterr().out
    assert "GAR303" in out
    assert "GAR101" in out


def test_other_chunks_make_collections_of_their_own(garden: Settings) -> None:
    first = build_index(garden)
    second = build_index(garden.with_(chunk_tokens=40, chunk_overlap=10))
    assert second.build != first.build
    assert second.counts["passages"] > first.counts["passages"]


def test_a_reader_that_two_updates_have_passed_is_told_to_ask_again(
    garden: Settings, write_session: Write
) -> None:
    build_index(garden)
    old = Assistant.open(garden).index
    for body in ("Worms eat scraps.", "Worms eat peels."):
        write_session("GAR101", "Composting on a balcony", body)
        build_index(garden)
    with pytest.raises(IndexUnusable, match="ask again"):
        old.session("GAR101")
    vector = np.ones(384, dtype=np.float32)
    assert old.dense(vector, 3)


def _rows_of_records(settings: Settings) -> list[str]:
    """The keys of all rows of the live build's records."""
    server = _server(settings)
    rows = server.find(f"{server.target()}_records", "since > 0", ["key"])
    return sorted(str(row["key"]) for row in rows)


def _server(settings: Settings) -> Server:
    store = store_of(settings)
    assert isinstance(store, MilvusStore)
    return store._server


def test_a_session_that_was_removed_leaves_with_the_update_after(
    garden: Settings, write_session: Write
) -> None:
    change(write_session)
    build_index(garden)
    (garden.corpus / "GAR303.md").unlink()
    build_index(garden)
    write_session("GAR202", "Tea", "Tea is brewed cold.")
    build_index(garden)
    assert not [key for key in _rows_of_records(garden) if "gar303" in key.casefold()]


def test_what_is_kept_does_not_grow_with_the_updates(
    garden: Settings, write_session: Write
) -> None:
    """With passages so long that the vectors of their sentences stand in rows of their own."""
    garden = garden.with_(chunking="document", chunk_tokens=2_000)
    text = " ".join(f"Worms eat kitchen scraps within {days} days." for days in range(60))
    build_index(garden)
    counts = []
    for weeks in range(5):
        write_session("GAR101", "Composting", f"{text} That took {weeks + 3} weeks.")
        build_index(garden)
        counts.append(len(_rows_of_records(garden)))
    assert [key for key in _rows_of_records(garden) if key.startswith("vectors:") and "/" in key]
    assert counts[2:] == [counts[2]] * 3


def test_a_server_that_is_slow_once_has_nothing_made_anew(
    garden: Settings, write_session: Write, monkeypatch: pytest.MonkeyPatch, encoded: list[str]
) -> None:
    build_index(garden)
    before = _collections(garden)
    change(write_session)
    encoded.clear()
    with monkeypatch.context() as patch:
        patch.setattr(filling, "live_build", _slow)
        with pytest.raises(IndexUnusable, match="slow"):
            build_index(garden)
    assert not encoded
    build_index(garden)
    assert _collections(garden) == before


def _slow(*_: Any) -> Any:
    raise IndexUnusable("the server is slow")


def test_who_cannot_open_a_new_build_just_now_opens_it_later(
    garden: Settings, write_session: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessionqa.index.milvus.store.SEEN_FOR", 0.0)
    build_index(garden)
    assistant = Assistant.open(garden)
    change(write_session)
    build_index(garden)
    with monkeypatch.context() as patch:
        patch.setattr(MilvusStore, "open", _slow)
        assert assistant.live() is assistant
    assert "borage" in assistant.live().ask("What do bees prefer?").text


def test_no_question_fails_while_builds_follow_one_another(garden: Settings) -> None:
    garden = garden.with_(keep_builds=0)
    build_index(garden)
    assistant = Assistant.open(garden)
    ended = Event()
    with ThreadPoolExecutor(1) as pool:

        def asking() -> int:
            asked = 0
            while not ended.is_set():
                # Each question another one: none is remembered.
                asked += 1
                assert "scraps" in assistant.ask(f"What do worms eat{'?' * asked}").text
            return asked

        asking_on = pool.submit(asking)
        try:
            for _ in range(2):
                build_index(garden, force=True)
        finally:
            ended.set()
        assert asking_on.result() > 2
    assert len(_collections(garden)) == 2


def test_a_build_that_was_not_ended_is_none_to_go_back_to(
    garden: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a machine that is gone with its note of what it had begun."""
    garden = garden.with_(keep_builds=1)
    first = build_index(garden)
    with monkeypatch.context() as patch:
        _break_off(patch, 2)
        with pytest.raises(Broken):
            build_index(garden, force=True)
    (garden.index / filling.MAKING).unlink()
    build_index(garden, force=True)
    assert len(_collections(garden)) == 4
    assert store_of(garden).roll_back().build == first.build


@pytest.mark.parametrize("named", [True, False])
def test_a_name_that_is_somebody_elses_is_refused_at_once(
    named: bool, garden: Settings, encoded: list[str]
) -> None:
    """Whether it is that of their collection, or an alias of theirs."""
    server = _server(garden)
    alias = server.address.alias
    theirs = alias if named else f"{alias}_theirs"
    server.create(theirs, schema.records_schema(MilvusClient), schema.records_indexes(MilvusClient))
    if not named:
        server.point_to(theirs)
    with pytest.raises(IndexUnusable, match="no index: name another"):
        build_index(garden)
    assert not encoded
    assert _collections(garden) == [theirs]
    assert named or server.target() == theirs


def test_a_build_that_stopped_before_its_indexes_goes_on_with_them(
    garden: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_passages = list(schema.passages_indexes(MilvusClient, exact=True))
    with monkeypatch.context() as patch:
        # Both collections are there, the second without an index.
        _break_off(patch, len(of_passages) + 1, {"create_index"})
        with pytest.raises(Broken):
            build_index(garden)
    begun = _collections(garden)
    assert len(begun) == 2
    build_index(garden)
    server = _server(garden)
    for name in _collections(garden):
        assert server._call("list_indexes", collection_name=name), name
    assert _collections(garden) == begun


def test_a_build_that_is_gone_back_from_takes_no_memory(garden: Settings) -> None:
    build_index(garden)
    second = build_index(garden, force=True)
    server = _server(garden)
    collection = schema.name_of(server.address.alias, second.build)
    store_of(garden).roll_back()
    for name in (collection, schema.records_of(collection)):
        assert "NotLoad" in str(server._call("get_load_state", collection_name=name))


def test_a_change_too_large_for_an_update_encodes_only_what_is_new(
    garden: Settings,
    write_session: Write,
    new_index: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    encoded: list[str],
) -> None:
    build_index(garden)
    change(write_session)
    encoded.clear()
    monkeypatch.setattr(filling, "MOST_DEAD", 0)
    build_index(garden)
    assert len(_collections(garden)) == 4
    assert not [text for text in encoded if "eighty degrees" in text]
    fresh = garden.with_(index=new_index())
    build_index(fresh)
    assert told(Assistant.open(garden)) == told(Assistant.open(fresh))
    encoded.clear()
    build_index(garden, force=True)
    assert [text for text in encoded if "eighty degrees" in text]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"code": "G" * 1_000}, "a code that is too long"),
        ({"track": "t" * 70_000}, "a field that is too long"),
        ({"services": tuple(f"S{n}" for n in range(2_000))}, "2,000 services"),
        ({"speakers": tuple(Speaker(f"N{n}") for n in range(2_000))}, "2,000 speakers"),
    ],
)
def test_a_session_that_milvus_does_not_take_is_named(
    garden: Settings, encoded: list[str], fields: dict[str, Any], told: str
) -> None:
    given = {"code": "GAR1", "title": "Tea", "text": "Tea.", "path": "tea.md", **fields}
    with pytest.raises(IndexUnusable, match=f"tea.md has {told}"):
        build_index(garden, sessions=[Session(**given)])
    assert not encoded


def test_stamps_of_files_stay_on_the_machine_that_built(
    garden: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_index(garden)
    assert store_of(garden).live().corpus["stamps"] == stamps(garden.corpus)
    (garden.index / "stamps.json").rename(tmp_path / "elsewhere")
    assert store_of(garden).live().corpus["stamps"] == {}
    place = ["--corpus", str(garden.corpus), "--index", garden.place]
    assert main(["ask", "What do worms eat?", *place]) == 0
    assert not capsys.readouterr().err
    (garden.corpus / "GAR202.md").write_text("---\ncode: GAR202\ntitle: Tea\n---\n\nTea, cold.\n")
    assert main(["ask", "What do worms eat?", *place]) == 0
    assert "has changed since" in capsys.readouterr().err
