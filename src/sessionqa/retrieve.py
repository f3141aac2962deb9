"""Question -> Hits: what is near in meaning and what shares its words, in one ranking."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sessionqa import abbreviations, terms
from sessionqa.datatypes import Hit
from sessionqa.encode import Encoder, Spans, Vectors
from sessionqa.fusion import FUSIONS, Scores
from sessionqa.index import Index
from sessionqa.mentions import named_sessions
from sessionqa.sentences import sentence_spans
from sessionqa.settings import Settings

if TYPE_CHECKING:
    from sessionqa.rerank import Reranker

# Each arm is asked for so many passages, however few are wanted.
DEPTH = 200
# So many of the best are compared with the question token by token.
LATE_TOP = 100
# What counts for how near in meaning a passage is: its vector, its sentences', its tokens'. And for
# its words, the share of its session's. Chosen on dev data: docs/decisions/0012.
WHOLE, SENTENCES, TOKENS = 0.25, 1.0, 1.5
SESSION = 0.5
# A token of a word that only asks, or of no word, counts so much.
ASKING = 0.3
# Of a question with more sentences so many at either end are read one by one.
MOST_SENTENCES = 8
# With more words than this that say what it is about, a question needs no other forms of its
# abbreviations: they would outweigh the rest.
MOST_WIDENED = 4


@dataclass(frozen=True, slots=True)
class Question:
    """What the arms read of a question: vectors for meaning, stems (repeated as in it) for words.

    `vector` has shape (dim,), `sentences` (m, dim), a row for each of its sentences.
    """

    text: str
    vector: Vectors
    sentences: Vectors
    stems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """How near in meaning passages are to a question, arrays of shape (n,).

    `whole` is the cosine of both as wholes; `sentences` and `tokens` are late interactions, NaN
    where the passages were not compared so.
    """

    whole: Scores
    sentences: Scores
    tokens: Scores

    @property
    def near(self) -> Scores:
        """The weighted mean of what is known. What is not counts as the farthest that is."""
        near, total = WHOLE * self.whole.astype(np.float64), WHOLE
        for weight, part in ((SENTENCES, self.sentences), (TOKENS, self.tokens)):
            farthest = np.fmin.reduce(part, initial=np.nan)
            if not np.isnan(farthest):
                near += weight * np.where(np.isnan(part), farthest, part)
                total += weight
        return near / total


@dataclass(frozen=True, slots=True)
class Candidates:
    """The passages that either arm has found, and what is known of each, arrays of shape (n,).

    `dense` and `lexical` are the arms' own lists, best first, `session` the BM25 scores of the
    whole sessions; `by_meaning` and `by_words` are the two shares that add up to the score.
    """

    ids: list[str]
    dense: dict[str, float]
    lexical: dict[str, float]
    session: Scores
    meaning: Meaning
    by_meaning: Scores
    by_words: Scores

    def ranked(self) -> list[int]:
        """The rows from the best score down, equal ones by id."""
        score = self.by_meaning + self.by_words
        return sorted(range(len(self.ids)), key=lambda row: (-score[row], self.ids[row]))


class Retriever:
    """Finds passages by both arms, in the sessions that the question names if it names any."""

    def __init__(
        self, index: Index, encoder: Encoder, settings: Settings, reranker: "Reranker | None" = None
    ) -> None:
        self._index = index
        self._encoder = encoder
        self._settings = settings
        self._reranker = reranker

    def retrieve(self, question: str, k: int, sessions: Collection[str] | None = None) -> list[Hit]:
        """The `k` best passages, best first, of `sessions` where they are given.

        The sessions that the question names narrow these down, unless none would be left. A
        reranker, if there is one, orders the first `rerank_top` anew.
        """
        named = named_sessions(question, self._index.facets)
        if within := [code for code in named if sessions is None or code in sessions]:
            sessions = within
        found = self.candidates(self.read(question), max(k, DEPTH), sessions)
        if not self._reranker:
            return self._hits(found, k)
        from sessionqa.rerank import reranked

        top = self._settings.rerank_top
        return reranked(self._reranker, question, self._hits(found, max(k, top)), top)[:k]

    def read(self, question: str) -> Question:
        """What the arms read of `question`.

        The lexical one reads a short question's abbreviations with what they stand for as well.
        """
        text = " ".join(question.split())
        spans = sentence_spans(text)
        if len(spans) > 2 * MOST_SENTENCES:
            spans = [*spans[:MOST_SENTENCES], *spans[-MOST_SENTENCES:]]
        parts = [text[start:end] for start, end in spans] if len(spans) > 1 else [question]
        short = len(terms.content_words(question)) <= MOST_WIDENED
        forms = abbreviations.expand(question, self._index) if short else ()
        return Question(
            text=question,
            vector=self._encoder.encode_question(question),
            sentences=np.stack([self._encoder.encode_question(part) for part in parts]),
            stems=tuple(terms.asked_stems(" ".join((question, *forms)))),
        )

    def candidates(
        self, question: Question, depth: int, sessions: Collection[str] | None = None
    ) -> Candidates:
        """What either arm has among its `depth` best, each compared with the question in full."""
        weight = self._settings.lexical_weight
        dense = dict(self._index.dense(question.vector, depth, sessions) if weight < 1 else [])
        lexical = dict(self._index.lexical(question.stems, depth, sessions) if weight > 0 else [])
        ids = list({**dense, **lexical})
        session = self._index.session_scores(question.stems, ids)
        own = np.array([lexical.get(id_, 0.0) for id_ in ids])
        words = (1 - SESSION) * own + SESSION * session
        # Those that the dense arm has found come first.
        others = self._index.cosines(ids[len(dense) :], question.vector)
        whole = np.concatenate([np.array(list(dense.values()), dtype=np.float32), others])
        meaning = self._meaning(question, ids, whole, words)
        by_meaning, by_words = self._fused(meaning, words)
        return Candidates(ids, dense, lexical, session, meaning, by_meaning, by_words)

    def _fused(self, meaning: Meaning, words: Scores) -> tuple[Scores, Scores]:
        fuse = FUSIONS[self._settings.fusion]
        return fuse(meaning.near, words, self._settings.lexical_weight)

    def _meaning(self, question: Question, ids: list[str], whole: Scores, words: Scores) -> Meaning:
        """Late interaction (Khattab and Zaharia 2020, "ColBERT") over sentences, and over tokens.

        Tokens, which cost the most, are compared for the LATE_TOP best by everything else.
        """
        none = np.full(len(ids), np.nan)
        if not self._settings.late_interaction:
            return Meaning(whole, none, none)
        sentences = self._index.sentence_similarities(ids, question.sentences)
        if not self._encoder.token_dim:
            return Meaning(whole, sentences, none)
        first = np.add(*self._fused(Meaning(whole, sentences, none), words))
        best = np.argsort(-first, kind="stable")[:LATE_TOP]
        asked, spans = self._encoder.question_tokens(question.text)
        weights = _weights(question.text, spans)
        tokens = none.copy()
        tokens[best] = self._index.token_similarities([ids[row] for row in best], asked, weights)
        return Meaning(whole, sentences, tokens)

    def _hits(self, found: Candidates, k: int) -> list[Hit]:
        chosen = found.ranked()[:k]
        dense_ranks = {id_: rank for rank, id_ in enumerate(found.dense, 1)}
        lexical_ranks = {id_: rank for rank, id_ in enumerate(found.lexical, 1)}
        passages = self._index.passages([found.ids[row] for row in chosen])
        return [
            Hit(
                passage=passage,
                score=float(found.by_meaning[row] + found.by_words[row]),
                dense_rank=dense_ranks.get(passage.id),
                dense_score=float(found.meaning.whole[row]),
                sentence_score=_known(found.meaning.sentences[row]),
                token_score=_known(found.meaning.tokens[row]),
                lexical_rank=lexical_ranks.get(passage.id),
                lexical_score=found.lexical.get(passage.id),
                session_score=float(found.session[row]),
                by_meaning=float(found.by_meaning[row]),
                by_words=float(found.by_words[row]),
            )
            for row, passage in zip(chosen, passages, strict=True)
        ]


def _weights(question: str, spans: Spans) -> Scores:
    """How much each token of a question counts: one of a word that only asks, little."""
    counts = np.zeros(len(question) + 1, dtype=bool)
    for match in terms.word_matches(question):
        counts[match.start() : match.end()] = not terms.is_unasked(match.group())
    return np.array([1.0 if start >= 0 and counts[start] else ASKING for start, _ in spans])


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
