"""Question -> Hits: what is near in meaning and what shares its words, in one ranking."""

from collections.abc import Collection

from sessionqa import abbreviations, terms
from sessionqa.datatypes import Hit
from sessionqa.encode import Encoder
from sessionqa.index import Index
from sessionqa.mentions import named_sessions
from sessionqa.rerank import Reranker, reranked

# Each arm is asked for so many passages, however few are wanted.
DEPTH = 100


class Retriever:
    """Finds passages by both arms, in the sessions that the question names if it names any."""

    def __init__(
        self,
        index: Index,
        encoder: Encoder,
        lexical_weight: float,
        reranker: Reranker | None = None,
        rerank_top: int = 50,
    ) -> None:
        self._index = index
        self._lexical_weight = lexical_weight
        self._encoder = encoder
        self._reranker = reranker
        self._rerank_top = rerank_top

    def retrieve(self, question: str, k: int, sessions: Collection[str] | None = None) -> list[Hit]:
        """The `k` best passages, best first, of `sessions` where they are given.

        The sessions that the question names narrow these down, unless none would be left.

        A score is a convex combination of the cosine and the BM25 score over its best (Bruch et
        al. 2023, "An Analysis of Fusion Functions for Hybrid Retrieval"); in [0, 1]. A reranker,
        if there is one, orders the first `rerank_top` of these anew.
        """
        named = named_sessions(question, self._index.facets)
        if within := [code for code in named if sessions is None or code in sessions]:
            sessions = within
        depth = max(k, DEPTH)
        vector = self._encoder.encode_question(question)
        dense = self._index.dense(vector, depth, sessions)
        asked = " ".join((question, *abbreviations.expand(question, self._index)))
        stems = list(dict.fromkeys(terms.stem(word) for word in terms.content_words(asked)))
        lexical = self._index.lexical(stems, depth, sessions)
        hits = self._fused(dense, lexical)
        if self._reranker:
            hits = reranked(self._reranker, question, hits, self._rerank_top)
        return hits[:k]

    def _fused(self, dense: list[tuple[str, float]], lexical: list[tuple[str, float]]) -> list[Hit]:
        cosines, scores = dict(dense), dict(lexical)
        dense_ranks = {id_: rank for rank, (id_, _) in enumerate(dense, 1)}
        lexical_ranks = {id_: rank for rank, (id_, _) in enumerate(lexical, 1)}
        # What an arm left out is at most as good as the last it returned.
        least = dense[-1][1] if dense else 0.0
        best = lexical[0][1] if lexical else 1.0
        ids = list({**cosines, **scores})
        hits = [
            Hit(
                passage=passage,
                score=(1 - self._lexical_weight) * min(max(cosines.get(id_, least), 0.0), 1.0)
                + self._lexical_weight * scores.get(id_, 0.0) / best,
                dense_rank=dense_ranks.get(id_),
                dense_score=cosines.get(id_),
                lexical_rank=lexical_ranks.get(id_),
                lexical_score=scores.get(id_),
            )
            for id_, passage in zip(ids, self._index.passages(ids), strict=True)
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.passage.id))
