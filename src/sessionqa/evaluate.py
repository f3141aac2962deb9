"""Gold set -> scores: whether the session is found, the fact stated and cited, or refused."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sessionqa import measures, selective
from sessionqa.answer import ExtractiveAnswerer
from sessionqa.assistant import Assistant
from sessionqa.datatypes import Answer, Hit, Writing
from sessionqa.gold import GoldQuestion, GoldSet
from sessionqa.verify import Check, verify

RESAMPLES = 1000
# So many passages are asked for to rank one session: long ones have several each.
PASSAGES_PER_SESSION = 5
# Whether one of the first so many sessions found is a right one: ir-measures' Success. Counted
# here, since its package takes another of 140 MB, which nothing else needs that answers.
HITS = {"hit@1": 1, "hit@3": 3, "hit@5": 5}
# The measures of our own format, in the order in which they are shown.
OF_ANSWERS = (
    *(*HITS, "RR"),
    *("nuggets", "correct", "citation_precision", "citation_relevance", "citation_recall"),
    *("list_recall", "list_precision"),
    *("refusal_precision", "refusal_recall", "wrongly_refused"),
    *("written", "supported_sentences"),
    *("answer_words", "calibration_error", "AURC"),
)
LOWER_IS_BETTER = frozenset({"wrongly_refused", "answer_words", "calibration_error", "AURC"})
# Kinds of questions that a few sentences answer: their answers are measured by the word.
SHORTLY_ANSWERED = frozenset({"fact", "typo", "long"})

# A measure's value on each question that it is defined for, by the question's id.
Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A gold question and what the system made of it.

    `ranking` holds the sessions found with their scores, each once by its best passage, best
    first. `answer` is None where the set judges rankings only. `latency` is in ms, 0 if unknown.
    `checks` are what verifying the answer's citations gave. `unrefused` stands for an answer that
    is a refusal: what would have been said at a confidence high enough.
    """

    gold: GoldQuestion
    ranking: tuple[tuple[str, float], ...]
    answer: Answer | None
    latency: float
    checks: tuple[Check, ...] = ()
    unrefused: Answer | None = None

    @property
    def ranked_sessions(self) -> list[str]:
        """The codes of the sessions found, best first."""
        return [code for code, _ in self.ranking]

    @property
    def wrong(self) -> bool:
        """Whether it would be an error to answer, however sure of it.

        That is so if the question is unanswerable, or a gold fact is missing.
        """
        said = self.unrefused or self.answer
        if said is None:
            return False
        return not said.refused if self.gold.refuse else nuggets(self.gold, said) < 1


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one configuration scored.

    `measures` gives, for each measure, its value on every question that it is defined for, by
    the question's id. `scores` are the means of those, what `of_all` measures, and the latencies;
    `intervals` are the means' 95% bootstrap intervals; `by_kind` holds the scores of each kind of
    question, and how many "questions" it has.
    """

    configuration: str
    outcomes: tuple[Outcome, ...]
    measures: Mapping[str, Values]
    scores: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    by_kind: Mapping[str, Mapping[str, float]]


def run(
    assistant: Assistant,
    gold: GoldSet,
    depth: int = measures.DEPTH,
    progress: Callable[[int, int], None] | None = None,
) -> list[Outcome]:
    """Asks every question, and ranks at least `depth` sessions if there are so many.

    A set that judges rankings only is searched instead, without its unanswerable questions.
    `progress(done, of)` is told after each question.
    """
    questions = [q for q in gold.questions if gold.answered or not q.refuse]
    unrefusing = ExtractiveAnswerer(assistant.index, assistant.encoder, refuse_below=0.0)
    outcomes: list[Outcome] = []
    for question in questions:
        answer, latency = _timed(assistant, question, gold.answered)
        clear = assistant.standalone(question.question, question.history)
        hits = assistant.retrieve(clear, PASSAGES_PER_SESSION * depth)
        checks = tuple(verify(answer, assistant.index.session)) if answer else ()
        unrefused = None
        if answer and answer.refused:
            top = assistant.retrieve(clear, assistant.settings.top_k)
            unrefused = unrefusing.answer(clear, top)
        ranking = ranked(hits)[:depth]
        outcomes.append(Outcome(question, ranking, answer, latency, checks, unrefused))
        if progress:
            progress(len(outcomes), len(questions))
    return outcomes


def _timed(
    assistant: Assistant, question: GoldQuestion, answered: bool
) -> tuple[Answer | None, float]:
    """The answer if one is wanted, else only a search, as a user asks for it; and its ms."""
    answer = None
    started = time.perf_counter()
    if answered:
        answer = assistant.ask(question.question, history=question.history)
    else:
        assistant.search(question.question)
    return answer, 1000 * (time.perf_counter() - started)


def ranked(hits: Iterable[Hit]) -> tuple[tuple[str, float], ...]:
    """The sessions of `hits`, which come best first, each with the score of its first one."""
    best: dict[str, float] = {}
    for hit in hits:
        best.setdefault(hit.passage.session_code, hit.score)
    return tuple(best.items())


def evaluated(
    configuration: str, outcomes: Sequence[Outcome], names: Sequence[str] = ()
) -> Evaluation:
    """The scores of `outcomes`: the measures `names`, and where there are answers, theirs."""
    values = values_of(outcomes, names)
    kinds = dict.fromkeys(outcome.gold.kind for outcome in outcomes)
    return Evaluation(
        configuration=configuration,
        outcomes=tuple(outcomes),
        measures=values,
        scores=_scores(outcomes, values),
        intervals={name: interval(list(of.values())) for name, of in values.items() if of},
        by_kind={
            kind: _kind_scores([o for o in outcomes if o.gold.kind == kind], values)
            for kind in kinds
        },
    )


def values_of(outcomes: Sequence[Outcome], names: Sequence[str] = ()) -> dict[str, Values]:
    """Each measure's value on the questions that it is defined for.

    Where there are answers, first hit@k: a right session is among the first k sessions found;
    RR: 1 / the rank of the first right one. Both leave lists and unanswerable questions out.
    nuggets: the share of the facts stated, where the gold question names any. correct: 1 if all
    are. citation_precision: share of the citations whose quote is a verbatim span of the cited
    session. citation_relevance: share of those that point to an expected session.
    citation_recall: share of the expected sessions that are cited, 0 for a refusal.
    list_recall, list_precision: of the expected sessions, the cited ones, and the other way
    round. refusal_precision: share of refusals that are right. refusal_recall: share of
    unanswerable questions that are refused. wrongly_refused: share of answerable ones that are.

    Where a language model was asked, written: whether the answer is the model's own.
    supported_sentences: the share of the sentences it wrote that a source supports, 0 without any.

    Then `names`, measures of ir-measures over all questions with a right session.
    """
    ours = _answer_values([(o, o.answer) for o in outcomes if o.answer is not None])
    return ours | _ranking_values(
        [o for o in outcomes if o.gold.sessions], [name for name in names if name not in ours]
    )


def words_of(outcomes: Iterable[Outcome]) -> list[int]:
    """The number of words of each answer that should be short: SHORTLY_ANSWERED, no refusal."""
    return [
        len(o.answer.text.split())
        for o in outcomes
        if o.answer and not o.answer.refused and o.gold.kind in SHORTLY_ANSWERED
    ]


def of_all(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """What is measured of all questions together, and of no single one; empty without answers.

    answer_words: the median number of words, as white space parts them, of answers to questions
    that are SHORTLY_ANSWERED, without refusals. calibration_error: of the confidence, as the
    probability that a question is answerable. AURC: how wrong the surest answers are. For the last
    two see `selective`. Where a language model was asked, first_token_ms: the median time until it
    begins; tokens_per_s: how fast it goes on, over all of them.
    """
    answered = [(o, o.answer) for o in outcomes if o.answer is not None]
    if not answered:
        return {}
    confidences = [answer.confidence for _, answer in answered]
    answerable = [not o.gold.refuse for o, _ in answered]
    wrong = [o.wrong for o, _ in answered]
    words = words_of(outcomes)
    return {
        **({"answer_words": float(np.median(words))} if words else {}),
        **_speed([answer.writing for _, answer in answered if answer.writing]),
        "calibration_error": round(selective.reliability(confidences, answerable).error, 4),
        "AURC": round(selective.area(confidences, wrong), 4),
    }


def _speed(writings: Sequence[Writing]) -> dict[str, float]:
    begun = [writing for writing in writings if writing.tokens]
    if not begun:
        return {}
    seconds = sum(writing.whole_ms - writing.first_ms for writing in begun) / 1000
    return {
        "first_token_ms": round(float(np.median([w.first_ms for w in begun])), 2),
        "tokens_per_s": round(sum(w.tokens for w in begun) / max(seconds, 1e-9), 1),
    }


def mean(values: Sequence[float]) -> float:
    """The mean, to four places."""
    return round(float(np.mean(values)), 4)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95% percentile bootstrap interval of the mean (Efron 1979), always the same draw."""
    drawn = np.random.default_rng(0).choice(np.asarray(values), (RESAMPLES, len(values)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def _ranking_values(outcomes: Sequence[Outcome], names: Sequence[str]) -> dict[str, Values]:
    grades = {o.gold.id: o.gold.relevant for o in outcomes}
    found = {o.gold.id: o.ranked_sessions for o in outcomes}
    return dict(measures.values(names, grades, found)) if names else {}


def _rank(outcome: Outcome) -> int:
    """Where the first right session stands among those found, from 1 on; 0 if none was found."""
    right = outcome.gold.sessions
    found = enumerate(outcome.ranked_sessions, 1)
    return next((rank for rank, code in found if code in right), 0)


def _answer_values(answered: Sequence[tuple[Outcome, Answer]]) -> dict[str, Values]:
    """The measures of our own format; none without answers."""
    if not answered:
        return {}
    answerable = [(o, a) for o, a in answered if not o.gold.refuse]
    single = [(o, a) for o, a in answerable if o.gold.kind != "list"]
    lists = [(o, a) for o, a in answerable if o.gold.kind == "list"]
    ranks = {o.gold.id: _rank(o) for o, _ in single if o.gold.sessions}
    stated = {o.gold.id: nuggets(o.gold, a) for o, a in answerable if o.gold.answer_any}
    return {
        **{
            name: {id_: float(0 < rank <= most) for id_, rank in ranks.items()}
            for name, most in HITS.items()
        },
        "RR": {id_: 1 / rank if rank else 0.0 for id_, rank in ranks.items()},
        "nuggets": stated,
        "correct": {id_: float(share == 1) for id_, share in stated.items()},
        "citation_precision": {
            o.gold.id: _verbatim(o.checks) for o, a in answered if a.citations and o.checks
        },
        "citation_relevance": {
            o.gold.id: _cited_right(o.gold, a) for o, a in single if a.citations
        },
        "citation_recall": {
            o.gold.id: _share(cited(a), o.gold.sessions) for o, a in single if o.gold.sessions
        },
        "list_recall": {o.gold.id: _share(cited(a), o.gold.sessions) for o, a in lists},
        "list_precision": {
            o.gold.id: _share(o.gold.sessions, cited(a)) for o, a in lists if cited(a)
        },
        "refusal_precision": {o.gold.id: float(o.gold.refuse) for o, a in answered if a.refused},
        "refusal_recall": {o.gold.id: float(a.refused) for o, a in answered if o.gold.refuse},
        "wrongly_refused": {o.gold.id: float(a.refused) for o, a in answerable},
        "written": {o.gold.id: float(a.written) for o, a in answered if a.writing},
        "supported_sentences": {
            o.gold.id: w.supported / w.sentences if w.sentences else 0.0
            for o, a in answered
            if (w := a.writing)
        },
    }


def nuggets(gold: GoldQuestion, answer: Answer) -> float:
    """The share of the gold facts that the answer's text states; 0 for a refusal."""
    groups = gold.answer_any
    if answer.refused or not groups:
        return float(not answer.refused)
    return (len(groups) - len(missing_facts(gold, answer))) / len(groups)


def missing_facts(gold: GoldQuestion, answer: Answer) -> tuple[tuple[str, ...], ...]:
    """The gold facts that the answer does not state, each with its alternatives."""
    text = "" if answer.refused else answer.text.casefold()
    return tuple(
        group for group in gold.answer_any if not any(fact.casefold() in text for fact in group)
    )


def cited(answer: Answer) -> set[str]:
    """The sessions that the answer cites."""
    return {citation.session_code for citation in answer.citations}


def _verbatim(checks: Sequence[Check]) -> float:
    of_citations = [check.verbatim for check in checks if check.verdict != "uncited"]
    return sum(of_citations) / len(of_citations)


def _cited_right(gold: GoldQuestion, answer: Answer) -> float:
    codes = [citation.session_code for citation in answer.citations]
    return sum(code in gold.sessions for code in codes) / len(codes)


def _share(found: Iterable[str], expected: Iterable[str]) -> float:
    wanted = set(expected)
    return len(wanted & set(found)) / len(wanted) if wanted else 0.0


def _scores(outcomes: Sequence[Outcome], values: Mapping[str, Values]) -> dict[str, float]:
    """The mean of each measure that has a value, what is `of_all`, and the latencies if known."""
    means = {name: mean(list(of.values())) for name, of in values.items() if of}
    means |= of_all(outcomes)
    latencies = [outcome.latency for outcome in outcomes]
    if not any(latencies):
        return means
    return means | {
        f"latency_p{share}_ms": round(float(np.percentile(latencies, share)), 2)
        for share in (50, 95)
    }


def _kind_scores(outcomes: Sequence[Outcome], values: Mapping[str, Values]) -> dict[str, float]:
    ids = {outcome.gold.id for outcome in outcomes}
    of_kind = {
        name: {id_: value for id_, value in of.items() if id_ in ids} for name, of in values.items()
    }
    return _scores(outcomes, of_kind) | {"questions": len(outcomes)}
