"""The index: exact search, builds that can be trusted, and damage that is noticed."""

import gc
import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sessionqa import Assistant, Settings, build_index, terms
from sessionqa.corpus import read_corpus, stamps
from sessionqa.datatypes import Passage
from sessionqa.encode import STEPS, Encoded, Encoder, Progress, Vectors, passage_input
from sessionqa.errors import IndexDamaged, IndexMissing, IndexUnusable
from sessionqa.index import FORMAT_VERSION
from sessionqa.index.build import write_build
from sessionqa.index.builds import current_build
from sessionqa.index.earlier import Earlier, latest_whole
from sessionqa.index.encoding import key_of
from sessionqa.index.inputs import corpus_fingerprint, inputs_of
from sessionqa.index.local import LocalIndex
from sessionqa.index.publish import only_builder

Write = Callable[..., Path]
LEXICAL = ("lexical/passages/meta.json", "lexical/sessions/meta.json")
FILES = (
    "passages.sqlite",
    "sentences.npy",
    "vectors.faiss",
    "tokens.npy",
    "places.npy",
    "spans.npy",
    "passage_keys.npy",
    "sentence_keys.npy",
    *LEXICAL,
)
QUESTIONS = ("What is shuffle sharding?", "How are gray failures detected?", "堆肥", "level 400")


class CountingEncoder:
    """An encoder that notes what it was asked to read, and fails at `fails_on`."""

    def __init__(self, encoder: Encoder, fails_on: str = "\0") -> None:
        self._encoder = encoder
        self._fails_on = fails_on
        self.read: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._encoder, name)

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        self._note(texts)
        return self._encoder.encode_passages(texts, progress)

    def encode_with_tokens(self, texts: Sequence[str], progress: Progress | None = None) -> Encoded:
        self._note(texts)
        return self._encoder.encode_with_tokens(texts, progress)

    def _note(self, texts: Sequence[str]) -> None:
        self.read += texts
        if any(self._fails_on in text for text in texts):
            raise RuntimeError("the power went off")


def build_with(settings: Settings, encoder: object) -> None:
    with only_builder(settings.index), latest_whole(settings.index) as before:
        stamped, sessions = stamps(settings.corpus), read_corpus(settings.corpus)
        write_build(settings, sessions, stamped, encoder, before, lambda *_: None)  # type: ignore[arg-type]


def assert_alike(found: list[tuple[str, float]], expected: list[tuple[str, float]]) -> None:
    assert [id_ for id_, _ in found] == [id_ for id_, _ in expected]
    assert [score for _, score in found] == pytest.approx([s for _, s in expected], abs=1e-5)


def builds(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "builds").iterdir())


@pytest.fixture(scope="module")
def index(assistant: Assistant) -> LocalIndex:
    assert isinstance(assistant.index, LocalIndex)
    return assistant.index


@pytest.fixture(scope="module")
def vectors(index: LocalIndex, assistant: Assistant) -> tuple[list[str], Vectors]:
    """Every passage's id and the vector that the encoder gives it, by its own path."""
    ids = [id_ for id_, _ in index.dense(np.zeros(384, dtype=np.float32), 10_000)]
    found = index.passages(ids)
    inputs = [passage_input(assistant.encoder, p.title, p.text) for p in found]
    return ids, assistant.encoder.encode_passages(inputs)


@pytest.fixture
def built(garden: Settings, assistant: Assistant) -> Settings:
    """The garden, indexed with the encoder that is open already."""
    build_with(garden, assistant.encoder)
    return garden


@pytest.fixture
def build(built: Settings) -> Path:
    return current_build(built.index)


# Search


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("k", [1, 7, 1000])
def test_dense_search_is_exact(
    index: LocalIndex,
    assistant: Assistant,
    vectors: tuple[list[str], Vectors],
    question: str,
    k: int,
) -> None:
    ids, matrix = vectors
    vector = assistant.encoder.encode_question(question)
    scores = matrix @ vector
    best = np.argsort(-scores, kind="stable")[:k]
    found = index.dense(vector, k)
    assert [id_ for id_, _ in found] == [ids[row] for row in best]
    assert np.allclose([score for _, score in found], scores[best], atol=1e-5)


@pytest.mark.parametrize("codes", [["ARC310"], ["ARC206", "ARC327"], ["NONE1"], []])
def test_a_filter_gives_just_the_exact_results_of_those_sessions(
    index: LocalIndex, assistant: Assistant, codes: list[str]
) -> None:
    vector = assistant.encoder.encode_question("a question that is about something else")
    everything = index.dense(vector, 1000)
    passages = {p.id: p for p in index.passages([id_ for id_, _ in everything])}
    expected = [pair for pair in everything if passages[pair[0]].session_code in codes]
    assert len(expected) > 2 * len(codes) or codes in ([], ["NONE1"])
    assert_alike(index.dense(vector, 1000, codes), expected)
    assert_alike(index.dense(vector, 3, codes), expected[:3])


def test_lexical_search_finds_by_word_in_any_form(index: LocalIndex) -> None:
    found = index.lexical([terms.stem("SHARDS")], 100)
    texts = [f"{p.title} {p.text}" for p in index.passages([id_ for id_, _ in found])]
    assert texts
    assert all("shard" in text.casefold() for text in texts)
    everything = index.passages([id_ for id_, _ in index.dense(np.ones(384, dtype=np.float32), 99)])
    having = [p for p in everything if "shard" in terms.stems(f"{p.title} {p.text}")]
    assert len(found) == len(having)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)


def test_passages_that_have_all_words_are_found(index: LocalIndex) -> None:
    stems = [terms.stem("zonal"), terms.stem("autoshift")]
    either = index.lexical(stems, 1000)
    texts = {p.id: f"{p.title} {p.text}" for p in index.passages([id_ for id_, _ in either])}
    expected = [(id_, s) for id_, s in either if {*stems} <= terms.stems(texts[id_])]
    assert 0 < len(expected) < len(either)
    assert_alike(index.having(stems, 1000), expected)
    assert index.having(stems, 1000, ["ARC310"]) == []
    assert len(index.having(stems, 1)) == 1
    assert index.having([*stems, "sourdough"], 1000) == []
    assert index.having([], 1000) == []


@pytest.mark.parametrize("left", [1, 2, 5, 13])
def test_lexical_search_keeps_to_the_sessions_given(index: LocalIndex, left: int) -> None:
    """Few that pass are looked for, and of many the others are passed over: alike."""
    codes = sorted(index.values("session").values())
    codes = ["ARC310", *(code for code in codes if code != "ARC310")][:left]
    stems = [terms.stem("failure"), terms.stem("recovery")]
    everything = index.lexical(stems, 1000)
    passages = {p.id: p for p in index.passages([id_ for id_, _ in everything])}
    expected = [pair for pair in everything if passages[pair[0]].session_code in codes]
    assert 0 < len(expected) < len(everything)
    assert_alike(index.lexical(stems, 1000, codes), expected)
    assert_alike(index.lexical(stems, 2, codes), expected[:2])


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text(max_size=12), max_size=5))
def test_lexical_search_never_fails_on_odd_input(index: LocalIndex, words: list[str]) -> None:
    found = index.lexical(words, 5)
    assert len(found) <= 5
    assert all(score > 0 for _, score in found)


@pytest.mark.parametrize("text", ['"', "(", "a AND", "title:x", "+-", "*", "[1 TO 2]", "\\", "^2"])
def test_operators_of_a_query_language_are_text(index: LocalIndex, text: str) -> None:
    assert index.lexical([text], 5) == []
    assert index.lexical([], 5) == []


def test_many_values_are_more_than_one_statement(index: LocalIndex) -> None:
    counts = index.sentence_counts([f"x{n}" for n in range(2_000)] + ["failur"])
    assert list(counts) == ["failur"]
    assert counts["failur"] > 10


def test_sessions_come_back_as_they_were_read(index: LocalIndex, shipped: Settings) -> None:
    assert index.sessions() == read_corpus(shipped.corpus)
    assert index.session("arc310") == index.session("ARC310") != None  # noqa: E711
    assert index.session("ARC999") is None
    assert index.session("' OR 1=1 --") is None


def test_each_sentence_is_an_exact_span_with_a_unit_vector(index: LocalIndex) -> None:
    for session in index.sessions():
        sentences = index.sentences(session.code, 0, len(session.text))
        assert all(session.text[s.start : s.end] == s.text for s in sentences)
        rows = index.sentence_vectors([sentence.row for sentence in sentences])
        assert rows.shape == (len(sentences), 384)
        assert rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=2e-3)


def test_sentences_are_those_within_the_span(index: LocalIndex) -> None:
    whole = index.sentences("ARC310", 0, 10**6)
    inner = index.sentences("ARC310", whole[2].start, whole[4].end)
    assert inner == whole[2:5]
    assert index.sentences("ARC310", whole[2].start + 1, whole[2].end) == []


def test_words_like_begin_or_end_alike_and_are_about_as_long(index: LocalIndex) -> None:
    words = index.words_like("shzrding", 1)
    assert {"sharding", "building"} <= set(words)
    assert all(word[:2] == "sh" or word[-2:] == "ng" for word in words)
    assert all(7 <= len(word) <= 9 for word in words)
    assert len(set(words)) == len(words)
    assert index.words_like("zzqqzz", 2) == []


def test_known_words_are_the_most_usual_of_each_stem_as_mostly_written(index: LocalIndex) -> None:
    known = index.known_words(["shard", "hagen", "dynamodb", "amazon", "zzz"])
    assert {stem: word.written for stem, word in known.items()} == {
        "shard": "Sharding",
        "hagen": "Hagen",
        "dynamodb": "DynamoDB",
        "amazon": "Amazon",
    }
    assert known["hagen"].word == "hagen"
    assert known["amazon"].uses > 1


def test_abbreviations_are_found_by_either_form(index: LocalIndex) -> None:
    found = index.abbreviations(["rto"])
    assert found == index.abbreviations(["recoveri time object"])
    assert [(a.short, a.long, a.session_code, a.introduced) for a in found] == [
        ("RTO", "Recovery Time Objective", "ARC308", True)
    ]
    assert index.abbreviations(["zzz", ""]) == []


# Likeness


def every_id(index: LocalIndex) -> list[str]:
    return [id_ for id_, _ in index.dense(np.zeros(384, dtype=np.float32), 10_000)]


def slowly(asked: Vectors, rows: Vectors, weights: Sequence[float] | None = None) -> float:
    """The mean over `asked` of the greatest product with any of `rows`."""
    weights = weights or [1.0] * len(asked)
    if not len(asked) or not len(rows):
        return 0.0
    best = [max(float(one @ row) for row in rows) for one in asked]
    return sum(w * b for w, b in zip(weights, best, strict=True)) / sum(weights)


def test_similarities_are_those_of_brute_force(
    index: LocalIndex, assistant: Assistant, vectors: tuple[list[str], Vectors]
) -> None:
    ids, matrix = vectors
    encode = assistant.encoder.encode_question
    vector, sentences = encode(QUESTIONS[0]), np.stack([encode(text) for text in QUESTIONS])
    chosen = [*ids[::7], ids[0], ids[0]]
    whole = index.cosines(chosen, vector)
    nearest = index.sentence_similarities(chosen, sentences)
    assert whole.dtype == nearest.dtype == np.float32
    rows = [ids.index(id_) for id_ in chosen]
    assert np.allclose(whole, matrix[rows] @ vector, atol=1e-5)
    expected = []
    for passage in index.passages(chosen):
        inside = index.sentences(passage.session_code, passage.start, passage.end)
        own = index.sentence_vectors([sentence.row for sentence in inside])
        expected.append(slowly(sentences, own))
    assert np.allclose(nearest, expected, atol=1e-5)


def test_token_similarities_are_those_of_brute_force(
    index: LocalIndex, assistant: Assistant
) -> None:
    ids = every_id(index)[::9]
    inputs = [passage_input(assistant.encoder, p.title, p.text) for p in index.passages(ids)]
    encoded = assistant.encoder.encode_with_tokens(inputs)
    each = np.split(encoded.tokens, np.cumsum(encoded.lengths)[:-1])
    for question in QUESTIONS:
        asked, _ = assistant.encoder.question_tokens(question)
        weights = [1 / (1 + place) for place in range(len(asked))]
        expected = [slowly(asked, own.astype(np.float32) / STEPS, weights) for own in each]
        found = index.token_similarities(ids, asked, np.array(weights))
        # A token's vector may be a step off, by the batch it was in.
        assert np.allclose(found, expected, atol=0.01)
        backwards = index.token_similarities(ids[::-1], asked, np.array(weights))
        assert np.allclose(backwards[::-1], found, atol=1e-6)


def test_likeness_to_nothing_and_of_nothing(index: LocalIndex, assistant: Assistant) -> None:
    vector = assistant.encoder.encode_question("worms")
    assert index.cosines([], vector).shape == (0,)
    assert index.sentence_similarities([], vector.reshape(1, -1)).shape == (0,)
    worms, _ = assistant.encoder.question_tokens("worms")
    assert index.token_similarities([], worms, np.ones(len(worms))).shape == (0,)
    ids = every_id(index)[:3]
    nothing, _ = assistant.encoder.question_tokens("")
    assert index.token_similarities(ids, nothing, np.ones(0)).tolist() == [0, 0, 0]
    assert index.session_scores([], ids).tolist() == [0, 0, 0]
    assert index.session_scores(["shard"], []).shape == (0,)
    assert index.codes([]) == []


def test_session_scores_are_the_bm25_of_whole_sessions(index: LocalIndex) -> None:
    """By the formula: k1 = 1.2, b = 0.75, idf = ln(1 + (N - n + 0.5) / (n + 0.5))."""
    texts = {s.code: [terms.stem(word) for word in terms.words(s.text)] for s in index.sessions()}
    mean = sum(map(len, texts.values())) / len(texts)
    stems = ["shard", "failur", "databas", "failur", "zzz"]

    def bm25(words: list[str], stem: str) -> float:
        having = sum(stem in other for other in texts.values())
        idf = np.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        count = words.count(stem)
        norm = 1.2 * (1 - 0.75 + 0.75 * len(words) / mean)
        return float(idf * count * 2.2 / (count + norm))

    ids = every_id(index)
    codes = index.codes(ids)
    expected = [sum(bm25(texts[code], stem) for stem in stems) for code in codes]
    found = index.session_scores(stems, ids)
    assert found.max() > 1
    # The engine rounds the lengths of long texts.
    assert np.allclose(found, expected, rtol=0.05)
    assert index.session_scores(stems, ids[:2]).tolist() == found[:2].tolist()


def test_codes_are_in_the_order_asked_for(index: LocalIndex) -> None:
    ids = every_id(index)
    assert index.codes(ids) == [passage.session_code for passage in index.passages(ids)]
    assert index.codes([ids[3], ids[0], ids[3]]) == [index.codes([ids[n]])[0] for n in (3, 0, 3)]
    with pytest.raises(KeyError):
        index.codes(["ARC310-none"])


def test_every_passage_holds_just_its_own_sentences_and_tokens(
    index: LocalIndex, assistant: Assistant
) -> None:
    def read_of(passage: Passage) -> str:
        return passage_input(assistant.encoder, passage.title, passage.text)

    with closing(Earlier(index.folder / "builds" / index.manifest.build, True)) as build:
        rows = build.passages(exactly=True).rows
    assert sorted(rows.values()) == list(range(index.manifest.counts["passages"]))
    by_row = sorted(index.passages(every_id(index)), key=lambda p: rows[key_of(read_of(p))])
    places = index._places.between(0, len(by_row)).tolist()
    tokens = sentences = 0
    for passage, place in zip(by_row, places, strict=True):
        _, start, end, first, last, begin, stop = place
        assert (start, end) == (passage.start, passage.end)
        inside = index.sentences(passage.session_code, start, end)
        assert [sentence.row for sentence in inside] == list(range(first, last))
        assert all(sentence.text in passage.text for sentence in inside)
        # One after another, without a gap; two word pieces are special ones.
        pieces = assistant.encoder.count_pieces(read_of(passage)) - 2
        assert (begin, stop - begin) == (tokens, pieces)
        tokens, sentences = stop, sentences + last - first
    assert sentences >= index.manifest.counts["sentences"]
    assert len(index._tokens) == tokens


def test_an_unknown_passage_is_a_key_error(index: LocalIndex) -> None:
    with pytest.raises(KeyError):
        index.passages(["ARC310-none"])


# Building


def test_building_twice_gives_the_same_ranking(
    garden: Settings, tmp_path: Path, assistant: Assistant
) -> None:
    other = garden.with_(index=tmp_path / "other")
    vector = assistant.encoder.encode_question("What do worms eat?")
    stems = [terms.stem(word) for word in ("worms", "tea", "garden", "harvest")]
    found = []
    for settings in (garden, other):
        build_with(settings, assistant.encoder)
        opened = LocalIndex.open(settings.index)
        found.append((opened.dense(vector, 50), opened.lexical(stems, 50)))
    assert found[0] == found[1]
    assert found[0][1]


def test_a_build_says_how_it_was_made(built: Settings, build: Path) -> None:
    manifest = LocalIndex.open(built.index).manifest
    assert manifest.format == FORMAT_VERSION
    assert manifest.counts["sessions"] == 2
    assert manifest.encoder["dim"] == 384
    assert manifest.chunking == {"chunking": "sentences", "tokens": 160, "overlap": 40}
    assert set(FILES) <= manifest.files.keys()
    on_disk = {p.relative_to(build).as_posix() for p in build.rglob("*") if p.is_file()}
    assert {name for name in on_disk if "/." not in name} - {"manifest.json"} == set(manifest.files)


def test_building_again_does_nothing_when_nothing_changed(garden: Settings) -> None:
    first = build_index(garden)
    told: list[str] = []
    assert build_index(garden, lambda stage, *_: told.append(stage)) == first
    assert told == []
    assert builds(garden.index) == [first.build]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are told on Linux")
def test_an_index_that_is_only_looked_at_is_closed(planted: Settings) -> None:
    gc.disable()
    try:
        build_index(planted)
        open_files = [os.path.realpath(one) for one in Path("/proc/self/fd").iterdir()]
    finally:
        gc.enable()
    builds = os.path.realpath(planted.index / "builds")
    assert [one for one in open_files if one.startswith(builds)] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"chunk_tokens": 64},
        {"chunk_overlap": 0},
        {"chunking": "document"},
        {"backend": "sentence-transformers"},
    ],
)
def test_other_settings_call_for_another_build(
    built: Settings, changes: dict[str, object], assistant: Assistant
) -> None:
    sessions = read_corpus(built.corpus)
    encoder = assistant.encoder.fingerprint
    made_of = LocalIndex.open(built.index).manifest.inputs
    assert inputs_of(corpus_fingerprint(sessions), encoder, built) == made_of
    assert inputs_of(corpus_fingerprint(sessions), encoder, built.with_(**changes)) != made_of
    assert inputs_of(corpus_fingerprint(sessions), "another model", built) != made_of
    assert inputs_of(corpus_fingerprint(sessions[:1]), encoder, built) != made_of


def test_a_document_chunk_is_the_whole_session(built: Settings, assistant: Assistant) -> None:
    build_with(built.with_(chunking="document"), assistant.encoder)
    index = LocalIndex.open(built.index)
    ids = [id_ for id_, _ in index.dense(np.ones(384, dtype=np.float32), 10)]
    assert {p.text for p in index.passages(ids)} == {s.text for s in index.sessions()}


def test_unchanged_sessions_are_not_encoded_again(
    built: Settings, write_session: Write, assistant: Assistant
) -> None:
    before = {id_ for id_, _ in LocalIndex.open(built.index).dense(np.ones(384, np.float32), 99)}
    same = CountingEncoder(assistant.encoder)
    build_with(built, same)
    assert same.read == []
    write_session("GAR303", "Rain barrels", "A barrel holds two hundred litres.")
    more = CountingEncoder(assistant.encoder)
    build_with(built, more)
    assert more.read
    assert all(text.startswith("Rain barrels\n") for text in more.read)
    after = {id_ for id_, _ in LocalIndex.open(built.index).dense(np.ones(384, np.float32), 99)}
    assert before < after


def test_reused_vectors_are_those_of_a_fresh_build(
    built: Settings, write_session: Write, assistant: Assistant, tmp_path: Path
) -> None:
    write_session("GAR001", "Rain barrels", "A barrel holds two hundred litres.")
    fresh = built.with_(index=tmp_path / "fresh")
    for settings in (built, fresh):
        build_with(settings, assistant.encoder)
    vector = assistant.encoder.encode_question("How much rain does a barrel hold?")
    one, other = (LocalIndex.open(settings.index) for settings in (built, fresh))
    assert_alike(one.dense(vector, 50), other.dense(vector, 50))
    sentences = range(one.manifest.counts["sentences"])
    assert np.allclose(
        one.sentence_vectors(sentences), other.sentence_vectors(sentences), atol=1e-3
    )


def test_a_build_after_another_is_that_from_nothing(
    built: Settings, write_session: Write, assistant: Assistant, tmp_path: Path
) -> None:
    """Whatever changed between: sessions, their order, and how they are cut."""
    steps: list[dict[str, object]] = [{}, {"chunk_tokens": 32, "chunk_overlap": 8}, {}]
    for number, changes in enumerate(steps):
        text = f"<!-- at 1:0{number} -->\n\nA barrel holds {number} litres. It rains.\n"
        write_session(f"GAR{2 - number}03", f"Rain barrels {number}", text)
        if number == 2:
            (built.corpus / "GAR101.md").unlink()
        settings = built.with_(**changes)
        build_with(settings, assistant.encoder)
        fresh = settings.with_(index=tmp_path / f"fresh{number}")
        build_with(fresh, assistant.encoder)
        one, other = (LocalIndex.open(each.index) for each in (settings, fresh))
        assert one.sessions() == other.sessions()
        ids = every_id(one)
        assert one.passages(ids) == other.passages(every_id(other))
        assert {passage.seconds for passage in one.passages(ids)} >= {60 + number}
        for text in ("How many litres does a barrel hold?", "worms", "mint tea"):
            vector = assistant.encoder.encode_question(text)
            assert_alike(one.dense(vector, 50), other.dense(vector, 50))
            stems = terms.asked_stems(text)
            assert one.lexical(stems, 50) == other.lexical(stems, 50)
            assert one.sentence_counts(stems) == other.sentence_counts(stems)


def test_a_removed_session_is_gone(built: Settings, assistant: Assistant) -> None:
    (built.corpus / "GAR202.md").unlink()
    build_with(built, assistant.encoder)
    index = LocalIndex.open(built.index)
    assert [session.code for session in index.sessions()] == ["GAR101"]
    assert index.lexical([terms.stem("mint")], 5) == []


@pytest.mark.parametrize("fails_on", ["barrel holds two hundred", "Rain barrels\nGAR303"])
def test_a_crash_leaves_the_earlier_build_live(
    built: Settings, write_session: Write, assistant: Assistant, fails_on: str
) -> None:
    before = current_build(built.index)
    write_session("GAR303", "Rain barrels", "A barrel holds two hundred litres.")
    with pytest.raises(RuntimeError, match="power went off"):
        build_with(built, CountingEncoder(assistant.encoder, fails_on))
    assert current_build(built.index) == before
    assert builds(built.index) == [before.name]
    assert len(LocalIndex.open(built.index, verify=True).sessions()) == 2
    build_with(built, assistant.encoder)
    assert len(LocalIndex.open(built.index).sessions()) == 3


def test_what_a_killed_build_left_is_cleared_by_the_next(
    built: Settings, assistant: Assistant
) -> None:
    left = built.index / "builds" / ".making-20200101T000000Z-abc"
    left.mkdir()
    (left / "vectors.faiss").write_bytes(b"half")
    pointer = built.index / f".CURRENT-{left.name}"
    pointer.write_text("half")
    assert LocalIndex.open(built.index).sessions()
    build_with(built, assistant.encoder)
    assert not left.exists()
    assert not pointer.exists()


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_as_many_earlier_builds_are_kept_as_the_settings_say(
    built: Settings, assistant: Assistant, kept: int
) -> None:
    made = [current_build(built.index).name]
    for _ in range(4):
        build_with(built.with_(keep_builds=kept), assistant.encoder)
        made.append(current_build(built.index).name)
    assert builds(built.index) == sorted(made[-1 - kept :])


def test_an_open_index_answers_while_others_are_built(
    built: Settings, write_session: Write, assistant: Assistant
) -> None:
    opened = LocalIndex.open(built.index)
    write_session("GAR303", "Rain barrels", "A barrel holds two hundred litres.")
    build_with(built, assistant.encoder)
    assert len(opened.sessions()) == 2
    assert opened.lexical([terms.stem("worms")], 5)


def test_two_builders_at_once_are_refused(built: Settings) -> None:
    with (
        only_builder(built.index),
        pytest.raises(IndexUnusable, match=r"another process is building .*wait for it"),
    ):
        build_index(built, force=True)
    assert LocalIndex.open(built.index).sessions()


# Places


def test_nothing_built_yet_is_missing_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match=r"no index in .*none: run `sessionqa index`"):
        LocalIndex.open(tmp_path / "none")


@pytest.mark.parametrize("below", ["", "sub/index"])
def test_a_file_in_place_of_the_index_folder_is_refused(garden: Settings, below: str) -> None:
    garden.index.write_text("a file")
    settings = garden.with_(index=garden.index / below)
    with pytest.raises(IndexUnusable, match=r"cannot be written to .*name another folder"):
        build_index(settings)
    with pytest.raises(IndexMissing, match="there is no index in"):
        LocalIndex.open(settings.index)
    assert garden.index.read_text() == "a file"


def test_a_read_only_folder_answers_and_refuses_to_be_built_in(built: Settings) -> None:
    folders = [built.index, *(p for p in built.index.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        if os.access(built.index, os.W_OK):
            pytest.skip("permissions do not bind this user")
        assert LocalIndex.open(built.index).lexical([terms.stem("worms")], 5)
        with pytest.raises(IndexUnusable, match="cannot be written to"):
            build_index(built, force=True)
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_copy_answers_when_original_and_corpus_are_gone(garden: Settings, tmp_path: Path) -> None:
    build_index(garden)
    before = Assistant.open(garden).ask("What do worms eat?")
    copy = tmp_path / "ein anderer Ort #1 100% 堆肥"
    shutil.copytree(garden.index, copy)
    shutil.rmtree(garden.index)
    shutil.rmtree(garden.corpus)
    after = Assistant.open(garden.with_(index=copy)).ask("What do worms eat?")
    assert not after.refused
    assert (after.text, after.citations, after.hits) == (before.text, before.citations, before.hits)


# Damage


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "cut short", "empty", "garbage"])
def test_a_damaged_file_is_named_with_the_remedy(
    built: Settings, build: Path, name: str, damage: str
) -> None:
    path = build / name
    kinds = {"cut short": path.read_bytes()[:-1], "empty": b"", "garbage": b"garbage"}
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(kinds[damage])
    with pytest.raises(IndexDamaged, match="run `sessionqa index` to build it again") as caught:
        LocalIndex.open(built.index)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["CURRENT", "vectors.faiss"])
def test_building_again_mends_what_was_noticed(built: Settings, build: Path, name: str) -> None:
    ((built.index if name == "CURRENT" else build) / name).write_bytes(b"garbage")
    build_index(built)
    assert LocalIndex.open(built.index, verify=True).sessions()


@pytest.mark.parametrize("filler", [b"x", b"\0"])
@pytest.mark.parametrize("name", FILES)
def test_garbage_of_the_right_size_is_noticed(
    built: Settings, build: Path, name: str, filler: bytes
) -> None:
    path = build / name
    path.write_bytes(filler * path.stat().st_size)
    with pytest.raises(IndexDamaged, match="run `sessionqa index` to build it again"):
        LocalIndex.open(built.index)


@pytest.mark.parametrize("name", FILES)
def test_verifying_finds_a_flipped_byte(built: Settings, build: Path, name: str) -> None:
    path = build / name
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(IndexDamaged, match="is not what was built, by its checksum") as caught:
        LocalIndex.open(built.index, verify=True)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["sentences.npy", "tokens.npy"])
def test_a_flipped_byte_is_mended_by_the_remedy_that_is_named(
    built: Settings, build: Path, name: str
) -> None:
    path = build / name
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    build_index(built)
    assert LocalIndex.open(built.index, verify=True).sessions()


def test_a_lost_encoder_is_mended_by_the_remedy_that_is_named(garden: Settings) -> None:
    build_index(garden)
    shutil.rmtree(garden.index / "encoder")
    with pytest.raises(IndexDamaged, match="run `sessionqa index`"):
        Assistant.open(garden)
    build_index(garden)
    assert Assistant.open(garden).search("worms")


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"20200101T000000Z-abc", b"../builds", b"..", b"/", b"a\0b", b"\xff\xfe", b"."],
)
def test_a_pointer_to_nothing_is_refused(built: Settings, content: bytes) -> None:
    (built.index / "CURRENT").write_bytes(content)
    with pytest.raises(IndexDamaged, match="run `sessionqa index` to build it again"):
        LocalIndex.open(built.index)


def test_a_pointer_full_of_garbage_is_refused(built: Settings) -> None:
    (built.index / "CURRENT").write_bytes(b"x" * 5000)
    with pytest.raises(IndexDamaged, match="CURRENT"):
        LocalIndex.open(built.index)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", "null", f'{{"format": {FORMAT_VERSION}}}', "\ufeff"]
)
def test_a_broken_manifest_is_refused(built: Settings, build: Path, content: str) -> None:
    (build / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(
        IndexDamaged, match=r"manifest\.json cannot be read .*run `sessionqa index`"
    ):
        LocalIndex.open(built.index)


def test_another_format_is_refused_with_both_versions(built: Settings, build: Path) -> None:
    path = build / "manifest.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, "format": 99, "new": 1}), encoding="utf-8")
    expected = rf"manifest\.json has format 99, and this sessionqa reads {FORMAT_VERSION}: run"
    with pytest.raises(IndexDamaged, match=expected):
        LocalIndex.open(built.index)


def test_an_index_of_another_model_is_refused(built: Settings) -> None:
    with pytest.raises(IndexDamaged, match=r"was made with .*MiniLM.*, not other/model: run"):
        Assistant.open(built.with_(model="other/model"))


def test_an_index_of_other_weights_is_refused(garden: Settings) -> None:
    build_index(garden)
    (folder,) = (garden.index / "encoder").iterdir()
    card = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    (folder / "encoder.json").write_text(json.dumps({**card, "fingerprint": "0" * 16}))
    with pytest.raises(IndexDamaged, match=r"made with other weights .*run `sessionqa index`"):
        Assistant.open(garden)


def test_vectors_of_another_build_are_refused(
    built: Settings, build: Path, write_session: Write, assistant: Assistant
) -> None:
    write_session("GAR303", "Rain barrels", "A barrel holds two hundred litres.")
    build_with(built, assistant.encoder)
    live = current_build(built.index)
    shutil.copyfile(build / "vectors.faiss", live / "vectors.faiss")
    with pytest.raises(IndexDamaged, match=r"vectors\.faiss has \d+ bytes instead of \d+"):
        LocalIndex.open(built.index)


def test_nothing_in_an_index_is_a_pickle(build: Path) -> None:
    assert not [path for path in build.rglob("*") if path.suffix in {".pkl", ".pickle"}]
    assert np.load(build / "sentences.npy", allow_pickle=False).dtype == np.float16
