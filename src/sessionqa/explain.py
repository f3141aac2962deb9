"""Why a hit stands where it does, and where a session that was expected got lost."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sessionqa import terminal
from sessionqa.assistant import Assistant
from sessionqa.datatypes import Answer, Hit, Session
from sessionqa.encode import passage_input
from sessionqa.errors import UsageError
from sessionqa.filters import Filter
from sessionqa.index import Ranked
from sessionqa.mentions import named_sessions
from sessionqa.retrieve import DEPTH, Question
from sessionqa.settings import Settings

LEGEND = (
    "score = share of meaning (rank in the dense arm: cosine, by sentences, by tokens) "
    "+ share of words (rank in the lexical arm: BM25, its session's)"
)


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a session at one stage; `lost` if it could not go on from there."""

    stage: str
    finding: str
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Miss:
    """The way of a session through retrieval and answer, as far as it came."""

    question: str
    session_code: str
    steps: tuple[Step, ...]

    @property
    def lost_at(self) -> str:
        """The stage at which it was lost; empty if it is cited."""
        return next((step.stage for step in self.steps if step.lost), "")

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-ready values, as `sessionqa explain-miss --json` prints it."""
        return {**asdict(self), "lost_at": self.lost_at}

    def to_text(self) -> str:
        """A line for each stage, and where it was lost."""
        lines = [f"{step.stage:9} {step.finding}" for step in self.steps]
        return "\n".join([*lines, f"lost at   {self.lost_at}" if self.lost_at else "not lost"])


def ranking(hits: Sequence[Hit], settings: Settings, filter: str) -> str:
    """A table of hits: for each all that decided where it stands, and what the columns are."""
    fusion = f"fusion {settings.fusion}, words weigh {settings.lexical_weight}"
    lines = [f"filter {filter or 'none'}; {fusion}", LEGEND]
    lines += [f"{place:3}. {hit.passage.id}  {scores(hit)}" for place, hit in enumerate(hits, 1)]
    return "\n".join(lines)


def explain_miss(
    assistant: Assistant,
    question: str,
    code: str,
    history: Sequence[str] = (),
    filter: Filter | str | None = None,
) -> Miss:
    """Follows the session `code` from the corpus to the answer to `question`.

    Raises UsageError as Assistant.ask does; a code that the corpus lacks is a finding.
    """
    answer = assistant.ask(question, history=history, filter=filter, quoted=True)
    try:
        session = assistant.session(code)
    except UsageError as error:
        return Miss(question, code, (Step("corpus", str(error), lost=True),))
    code = session.code
    passing = assistant.passing(filter)
    steps = [_in_corpus(assistant, session)]
    if passing is not None and code not in passing:
        steps.append(Step("filter", f"does not pass {answer.filter}", lost=True))
        return Miss(question, code, tuple(steps))
    steps += _found(assistant, answer, code, passing)
    return Miss(question, code, tuple(steps))


def _in_corpus(assistant: Assistant, session: Session) -> Step:
    """Whether the encoder reads all of it: `--chunking document` may cut it off."""
    encoder = assistant.encoder
    pieces = encoder.count_pieces(passage_input(encoder, session.title, session.text))
    whole = assistant.index.manifest.chunking["chunking"] == "document"
    if whole and pieces > encoder.max_tokens:
        return Step(
            "corpus",
            f"cut off: its vector reads {encoder.max_tokens} of {pieces} word pieces "
            "(--chunking document)",
        )
    return Step("corpus", "there, and all of it is read")


def _found(
    assistant: Assistant, answer: Answer, code: str, passing: frozenset[str] | None
) -> list[Step]:
    """What each arm, the fusion, the reranker and the answer make of a session that passes."""
    clear = answer.standalone_question
    named = named_sessions(clear, assistant.index.facets)
    if named and code not in named:
        shown = ", ".join(named)
        return [Step("named", f"the question names {shown}: only that is searched", lost=True)]
    hits = assistant.retriever.retrieve(clear, assistant.depth(clear, DEPTH), passing)
    steps = _in_arms(assistant, assistant.retriever.read(clear), code, passing)
    ranked = _ranked(hits)
    if code not in ranked:
        return [*steps, Step("fused", f"not among the {len(hits)} best passages", lost=True)]
    steps.append(_in_fusion(hits, code, assistant.depth(clear)))
    return [*steps, _in_answer(answer, code, assistant.settings.refuse_below)]


def _in_arms(
    assistant: Assistant, asked: Question, code: str, passing: frozenset[str] | None
) -> list[Step]:
    """Its rank among all sessions in either arm, whatever the depth of a search."""
    everything = assistant.index.manifest.counts["passages"]
    dense = assistant.index.dense(asked.vector, everything, passing)
    lexical = assistant.index.lexical(asked.stems, everything, passing)
    return [
        Step("meaning", _rank_in(assistant, dense, code, "cosine")),
        Step("words", _rank_in(assistant, lexical, code, "BM25")),
    ]


def _rank_in(assistant: Assistant, found: Ranked, code: str, measure: str) -> str:
    """The rank of a session by its best passage; `found` holds ids and scores, best first."""
    codes = assistant.index.codes([id_ for id_, _ in found])
    order = list(dict.fromkeys(codes))
    if code not in order:
        return "none of the question's words is in it"
    place = codes.index(code)
    depth = "" if place < DEPTH else f", deeper than the {DEPTH} passages that are looked at"
    return (
        f"rank {order.index(code) + 1} of {len(order)} sessions, "
        f"{measure} {found[place][1]:.3f} (passage {place + 1}{depth})"
    )


def _in_fusion(hits: Sequence[Hit], code: str, looked_at: int) -> Step:
    """Its rank after fusion, and after the reranker where there is one."""
    best = next(hit for hit in hits if hit.passage.session_code == code)
    place = hits.index(best) + 1
    stage = "fused" if best.rerank_score is None else "reranked"
    finding = (
        f"rank {_ranked(hits).index(code) + 1}, passage {place}: {scores(best)}; "
        f"the first is {hits[0].passage.session_code}: {scores(hits[0])}"
    )
    if place > looked_at:
        return Step(stage, f"{finding}; an answer looks at {looked_at} passages", lost=True)
    return Step(stage, finding)


def _in_answer(answer: Answer, code: str, threshold: float) -> Step:
    if answer.refused:
        finding = f"refused: confidence {answer.confidence:.3f}, and it takes {threshold}"
        return Step("answer", finding, lost=True)
    cited = list(dict.fromkeys(citation.session_code for citation in answer.citations))
    if code in cited:
        return Step("answer", "it is cited")
    return Step("answer", f"cites {', '.join(cited)}, whose sentences answer better", lost=True)


def _ranked(hits: Sequence[Hit]) -> list[str]:
    return list(dict.fromkeys(hit.passage.session_code for hit in hits))


def scores(hit: Hit) -> str:
    """All that decided where a hit stands, on one line."""
    dense = _arm(hit.dense_rank, [hit.dense_score, hit.sentence_score, hit.token_score])
    lexical = _arm(hit.lexical_rank, [hit.lexical_score, hit.session_score])
    return (
        f"{terminal.scores(hit)} = meaning {hit.by_meaning:.3f} ({dense}) "
        f"+ words {hit.by_words:.3f} ({lexical})"
    )


def _arm(rank: int | None, parts: Sequence[float | None]) -> str:
    known = " ".join(f"{part:.3f}" for part in parts if part is not None)
    return f"{f'rank {rank}' if rank else 'not ranked'}: {known or '-'}"
