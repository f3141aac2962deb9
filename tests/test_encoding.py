"""Builds that were broken off go on where they stopped, and end as if they never had been."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from sessionqa import Assistant, Settings
from sessionqa.corpus import read_corpus, stamps
from sessionqa.encode import Encoded, Encoder, Progress, Tokens, Vectors
from sessionqa.index import encoding
from sessionqa.index.build import write_build
from sessionqa.index.builds import current_build
from sessionqa.index.earlier import Earlier, latest_whole
from sessionqa.index.encoding import key_of
from sessionqa.index.local import LocalIndex
from sessionqa.index.publish import only_builder

VECTOR_FILES = ("vectors.faiss", "tokens.npy", "sentences.npy")
BLOCK = 2


class PowerFailure(Exception):
    """What ends a build in these tests."""


@dataclass
class Worker:
    """The real encoder, which notes what it has read and stops working after so many calls."""

    encoder: Encoder
    calls: int = 10**9
    fingerprint: str = ""
    passages: list[str] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fingerprint = self.fingerprint or self.encoder.fingerprint

    def __getattr__(self, name: str) -> object:
        return getattr(self.encoder, name)

    def encode_with_tokens(self, texts: Sequence[str], progress: Progress | None = None) -> Encoded:
        self._work(texts, self.passages)
        return self.encoder.encode_with_tokens(texts, progress)

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        self._work(texts, self.sentences)
        return self.encoder.encode_passages(texts, progress)

    def _work(self, texts: Sequence[str], read: list[str]) -> None:
        if not texts:
            return
        if not self.calls:
            raise PowerFailure
        self.calls -= 1
        read += texts


@dataclass
class Breaker:
    """A report of progress that ends the build when it is told something for the nth time."""

    at: int
    told: list[tuple[str, int, int]] = field(default_factory=list)

    def __call__(self, stage: str, done: int, of: int) -> None:
        self.told.append((stage, done, of))
        if len(self.told) == self.at:
            raise PowerFailure


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "BLOCK", BLOCK)


def build(settings: Settings, encoder: object, report: object = lambda *_: None) -> LocalIndex:
    with only_builder(settings.index), latest_whole(settings.index) as before:
        stamped, sessions = stamps(settings.corpus), read_corpus(settings.corpus)
        write_build(settings, sessions, stamped, encoder, before, report)  # type: ignore[arg-type]
    return LocalIndex.open(settings.index, verify=True)


def break_off(settings: Settings, worker: Worker, report: object = lambda *_: None) -> None:
    with pytest.raises(PowerFailure):
        build(settings, worker, report)


def blocks(settings: Settings) -> list[Path]:
    return sorted((settings.index / "unfinished").rglob("*.npz"))


def contents(settings: Settings) -> dict[str, bytes]:
    live = current_build(settings.index)
    return {name: (live / name).read_bytes() for name in VECTOR_FILES}


def encoded(index: LocalIndex) -> dict[str, tuple[Vectors, Tokens]]:
    """The vector of each passage, and those of its tokens, by the key of its text; in order."""
    with closing(Earlier(index.folder / "builds" / index.manifest.build, True)) as build:
        known = build.passages(exactly=True)
        made = {key: known.read([row]) for key, row in known.rows.items()}
        return {key: (one.vectors[0], one.tokens) for key, one in made.items()}


def keys(index: LocalIndex) -> list[str]:
    """Those of all that the encoder read."""
    with closing(Earlier(index.folder / "builds" / index.manifest.build, True)) as build:
        return [*build.passages(exactly=True).rows, *build.sentences().rows]


def ranking(index: LocalIndex, assistant: Assistant) -> list[tuple[str, float]]:
    return index.dense(assistant.encoder.encode_question("What do worms eat?"), 50)


@pytest.fixture
def whole(garden: Settings, assistant: Assistant, tmp_path: Path) -> Settings:
    """The same corpus, built in one go."""
    settings = garden.with_(index=tmp_path / "whole")
    build(settings, assistant.encoder)
    return settings


# Going on


def test_the_garden_takes_several_blocks_of_both_kinds(
    garden: Settings, assistant: Assistant
) -> None:
    worker = Worker(assistant.encoder)
    build(garden, worker)
    assert len(worker.passages) > BLOCK
    assert len(worker.sentences) > 3 * BLOCK


@pytest.mark.parametrize("calls", [0, 1, 2, 3, 5])
def test_a_build_that_was_broken_off_encodes_no_text_twice(
    garden: Settings, whole: Settings, assistant: Assistant, calls: int
) -> None:
    first, second = Worker(assistant.encoder, calls), Worker(assistant.encoder)
    break_off(garden, first)
    assert len(blocks(garden)) == calls
    assert not (garden.index / "CURRENT").exists()

    index = build(garden, second)
    complete = Worker(assistant.encoder)
    build(whole.with_(index=whole.index / "again"), complete)
    assert Counter(first.passages + second.passages) == Counter(complete.passages)
    assert Counter(first.sentences + second.sentences) == Counter(complete.sentences)
    assert contents(garden) == contents(whole)
    assert ranking(index, assistant) == ranking(LocalIndex.open(whole.index), assistant)


def test_it_may_be_broken_off_again_and_again(
    garden: Settings, whole: Settings, assistant: Assistant
) -> None:
    workers = [Worker(assistant.encoder, 1) for _ in range(4)]
    for worker in workers:
        break_off(garden, worker)
    assert len(blocks(garden)) == 4
    rest = Worker(assistant.encoder)
    build(garden, rest)
    read = [text for worker in (*workers, rest) for text in worker.passages + worker.sentences]
    assert Counter(map(key_of, read)) == Counter(keys(LocalIndex.open(garden.index)))
    assert contents(garden) == contents(whole)


@pytest.mark.parametrize("at", [1, 3, 5, 8, 11, 15])
def test_at_most_one_block_is_lost_wherever_it_is_broken_off(
    garden: Settings, whole: Settings, assistant: Assistant, at: int
) -> None:
    first, second = Worker(assistant.encoder), Worker(assistant.encoder)
    break_off(garden, first, Breaker(at))
    build(garden, second)
    for one, other in ((first.passages, second.passages), (first.sentences, second.sentences)):
        assert len(set(one) & set(other)) <= BLOCK
    assert contents(garden) == contents(whole)


def test_the_progress_of_what_was_kept_is_told_as_well(
    garden: Settings, assistant: Assistant
) -> None:
    break_off(garden, Worker(assistant.encoder, 3))
    report = Breaker(0)
    build(garden, assistant.encoder, report)
    for stage in ("encoding passages", "encoding sentences"):
        steps = [done for name, done, _ in report.told if name == stage]
        assert steps == sorted(steps)
        assert steps[-1] == next(of for name, _, of in report.told if name == stage)


def test_blocks_of_another_size_give_the_same(
    garden: Settings, whole: Settings, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "BLOCK", 1000)
    one, other = build(garden, assistant.encoder), LocalIndex.open(whole.index)
    made, before = encoded(one), encoded(other)
    assert list(made) == list(before)
    for key, (vector, tokens) in made.items():
        as_before, own = before[key]
        assert np.allclose(vector, as_before, atol=1e-5)
        assert tokens.shape == own.shape
        assert np.abs(tokens.astype(int) - own).max() <= 1


# What is kept, and what is trusted


def test_nothing_unfinished_is_left_by_a_build_that_is_live(
    garden: Settings, assistant: Assistant
) -> None:
    break_off(garden, Worker(assistant.encoder, 2))
    assert blocks(garden)
    build(garden, assistant.encoder)
    assert not (garden.index / "unfinished").exists()


@pytest.mark.parametrize("damage", ["empty", "cut short", "garbage", "flipped", "another's"])
def test_a_broken_block_is_read_again(
    garden: Settings, whole: Settings, assistant: Assistant, damage: str
) -> None:
    break_off(garden, Worker(assistant.encoder, 4))
    kept = blocks(garden)
    for path in kept:
        raw = path.read_bytes()
        middle = len(raw) // 2
        path.write_bytes(
            {
                "empty": b"",
                "cut short": raw[:middle],
                "garbage": b"\x80\x04garbage" * 50,
                "flipped": raw[:middle] + bytes([raw[middle] ^ 255]) + raw[middle + 1 :],
                # A file of NumPy's that holds something else.
                "another's": raw.replace(b"tokens.npy", b"others.npy"),
            }[damage]
        )
    again = Worker(assistant.encoder)
    build(garden, again)
    fresh = Worker(assistant.encoder)
    build(whole.with_(index=whole.index / "again"), fresh)
    assert (again.passages, again.sentences) == (fresh.passages, fresh.sentences)
    assert contents(garden) == contents(whole)


def test_no_flipped_byte_of_a_block_is_believed_or_ends_a_build(
    garden: Settings, assistant: Assistant
) -> None:
    """Headers, which say how to read the rest, may make any kind of trouble."""
    texts = ["worms", "tea"]
    made = assistant.encoder.encode_with_tokens(texts)
    names = [key_of(text) for text in texts]
    encoding.Unfinished(garden.index / "unfinished").keep(names, made)
    [path] = blocks(garden)
    raw = path.read_bytes()
    believed = 0
    for at in [*range(0, 200), *range(200, len(raw) - 400, 97), *range(len(raw) - 400, len(raw))]:
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
        known = encoding.Unfinished(garden.index / "unfinished").made
        assert path.exists() is bool(known.rows)
        if not known.rows:
            continue
        # What was flipped is nothing that is read: a date, say.
        believed += 1
        kept = known.read([known.rows[name] for name in names])
        assert np.array_equal(kept.vectors, made.vectors)
        assert np.array_equal(kept.tokens, made.tokens)
        assert np.array_equal(kept.lengths, made.lengths)
    assert believed < 250


def test_half_a_block_is_no_block(garden: Settings, whole: Settings, assistant: Assistant) -> None:
    """What a kill in the middle of writing leaves has another name."""
    break_off(garden, Worker(assistant.encoder, 1))
    [path] = blocks(garden)
    path.rename(path.with_suffix(".part"))
    build(garden, assistant.encoder)
    assert contents(garden) == contents(whole)


def test_blocks_of_another_encoder_are_not_taken(garden: Settings, assistant: Assistant) -> None:
    break_off(garden, Worker(assistant.encoder, 3))
    another = Worker(assistant.encoder, fingerprint="another")
    build(garden, another)
    fresh = Worker(assistant.encoder)
    build(garden.with_(index=garden.index / "fresh"), fresh)
    assert Counter(another.passages) == Counter(fresh.passages)


def test_a_sentence_that_is_a_passage_elsewhere_does_not_cost_its_tokens(
    garden: Settings, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sentences are kept without tokens, and small passages are sentences."""
    monkeypatch.setattr(encoding, "BLOCK", 1)
    documents = Worker(assistant.encoder, 10)
    break_off(garden.with_(chunking="document"), documents)
    small = Worker(assistant.encoder)
    index = build(garden.with_(chunk_tokens=16, chunk_overlap=0), small)
    assert set(documents.sentences) & set(small.passages)
    assert all(len(tokens) > 0 for _, tokens in encoded(index).values())


def test_a_corpus_that_changed_meanwhile_is_built_as_it_is_now(
    garden: Settings, assistant: Assistant, tmp_path: Path
) -> None:
    break_off(garden, Worker(assistant.encoder, 4))
    path = garden.corpus / "GAR202.md"
    path.write_text(path.read_text("utf-8").replace("eighty", "ninety"), "utf-8")
    again = Worker(assistant.encoder)
    one = build(garden, again)
    fresh = Worker(assistant.encoder)
    other = build(garden.with_(index=tmp_path / "fresh"), fresh)
    # Wherever the one that changed stands, what was made of the others is taken.
    assert len(again.passages + again.sentences) < len(fresh.passages + fresh.sentences)
    found, expected = ranking(one, assistant), ranking(other, assistant)
    assert [id_ for id_, _ in found] == [id_ for id_, _ in expected]
    # The last bit of a vector depends on the texts that it was made beside.
    assert [score for _, score in found] == pytest.approx([s for _, s in expected], abs=1e-6)


def test_a_live_build_stays_live_and_gives_what_it_has(
    garden: Settings, assistant: Assistant
) -> None:
    build(garden, assistant.encoder)
    before = current_build(garden.index)
    (garden.corpus / "GAR303.md").write_text(
        "---\ncode: GAR303\ntitle: Rain barrels\n---\n\n"
        "A barrel holds two hundred litres. A lid keeps gnats out. Slugs drown in it.\n"
    )
    first, second = Worker(assistant.encoder, 1), Worker(assistant.encoder)
    break_off(garden, first)
    assert current_build(garden.index) == before
    index = build(garden, second)
    read = first.passages + first.sentences + second.passages + second.sentences
    assert all("Rain barrels" in text for text in read)
    assert len(set(first.passages + second.passages)) == len(first.passages + second.passages)
    assert index.manifest.counts["sessions"] == 3


def test_unchanged_passages_keep_their_vectors_and_tokens(
    garden: Settings, assistant: Assistant, tmp_path: Path
) -> None:
    one = build(garden, assistant.encoder)
    kept = encoded(one)
    # A session before them moves every row.
    (garden.corpus / "GAR001.md").write_text(
        "---\ncode: GAR001\ntitle: Rain barrels\n---\n\nA barrel holds two hundred litres.\n"
    )
    worker = Worker(assistant.encoder)
    other = build(garden, worker)
    assert all("Rain barrels" in text for text in worker.passages + worker.sentences)
    made = encoded(other)
    assert made.keys() > kept.keys()
    assert list(made)[: len(kept)] != list(kept)
    for key, (vector, tokens) in kept.items():
        found = made[key]
        assert np.array_equal(found[0], vector)
        assert np.array_equal(found[1], tokens)
        assert len(tokens) > 0
    fresh = build(garden.with_(index=tmp_path / "fresh"), assistant.encoder)
    for key, (_, tokens) in encoded(fresh).items():
        assert np.abs(made[key][1].astype(int) - tokens).max() <= 1
