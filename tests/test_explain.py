"""Why a hit stands where it does, and at which stage an expected session got lost."""

import json
import re
from collections.abc import Callable

import pytest

from sessionqa import Assistant, Session, Settings
from sessionqa.errors import UsageError
from sessionqa.explain import LEGEND, Miss, explain_miss, ranking, scores
from sessionqa.retrieve import DEPTH

QUESTION = "What is shuffle sharding?"
STAGES = ["corpus", "meaning", "words", "fused", "answer"]


def stages(miss: Miss) -> list[str]:
    return [step.stage for step in miss.steps]


def finding(miss: Miss, stage: str) -> str:
    return next(step.finding for step in miss.steps if step.stage == stage)


def codes_of(assistant: Assistant, question: str, k: int) -> list[str]:
    """The sessions of the first `k` hits, best first."""
    found = (hit.passage.session_code for hit in assistant.retrieve(question, k))
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module")
def answering(shipped: Settings) -> Assistant:
    """One that never refuses, whatever its confidence."""
    return Assistant.open(shipped.with_(refuse_below=0))


@pytest.fixture(scope="module")
def refusing(shipped: Settings) -> Assistant:
    """One that always refuses."""
    return Assistant.open(shipped.with_(refuse_below=1))


# Stages


def test_a_cited_session_is_not_lost(answering: Assistant) -> None:
    cited = answering.ask(QUESTION).citations[0].session_code
    miss = explain_miss(answering, QUESTION, cited)
    assert (miss.question, miss.session_code, miss.lost_at) == (QUESTION, cited, "")
    assert stages(miss) == STAGES
    assert not any(step.lost for step in miss.steps)
    assert finding(miss, "corpus") == "there, and all of it is read"
    assert re.match(
        r"rank \d+ of \d+ sessions, cosine 0\.\d{3} \(passage \d+\)", miss.steps[1].finding
    )
    assert re.match(
        r"rank \d+ of \d+ sessions, BM25 \d+\.\d{3} \(passage \d+\)", miss.steps[2].finding
    )
    assert finding(miss, "answer") == "it is cited"
    assert miss.to_text().endswith("\nnot lost")


def test_a_code_may_be_written_in_any_case(answering: Assistant) -> None:
    lower, upper = (explain_miss(answering, QUESTION, code) for code in ("arc310", "ARC310"))
    assert lower == upper


def test_a_code_that_the_corpus_lacks_is_lost_there(answering: Assistant) -> None:
    miss = explain_miss(answering, QUESTION, "ARC399")
    assert (stages(miss), miss.lost_at) == (["corpus"], "corpus")
    assert "there is no session ARC399; did you mean ARC3" in finding(miss, "corpus")


def test_a_session_that_does_not_pass_the_filter_is_lost_there(answering: Assistant) -> None:
    miss = explain_miss(answering, QUESTION, "ARC310", filter="session=ARC206")
    assert (stages(miss), miss.lost_at) == (["corpus", "filter"], "filter")
    assert finding(miss, "filter").startswith("does not pass session=ARC206")


def test_a_session_that_passes_goes_on_among_those_that_do(answering: Assistant) -> None:
    two = "session=ARC206 or session=ARC310"
    miss = explain_miss(answering, QUESTION, "ARC310", filter=two)
    assert stages(miss) == STAGES
    assert "of 2 sessions" in finding(miss, "meaning")


def test_a_question_that_names_another_session_searches_only_that(answering: Assistant) -> None:
    miss = explain_miss(answering, "What is shuffle sharding in arc 310?", "ARC206")
    assert (stages(miss), miss.lost_at) == (["corpus", "named"], "named")
    assert finding(miss, "named") == "the question names ARC310: only that is searched"
    named = explain_miss(answering, "What is shuffle sharding in arc 310?", "ARC310")
    assert stages(named) == STAGES


def test_what_one_vector_for_a_long_document_leaves_out_is_said(
    assistant_over: Callable[..., Assistant],
) -> None:
    long = Session("GAR1", "Worms", "Worms eat scraps of the kitchen. " * 60)
    short = Session("GAR2", "Tea", "Tea is brewed at eighty degrees.")
    whole = assistant_over([long, short], chunking="document", refuse_below=0)
    encoder = whole.encoder
    pieces = encoder.count_pieces(whole.session("GAR1").text)
    said = finding(explain_miss(whole, "What do worms eat?", "GAR1"), "corpus")
    match = re.match(r"cut off: its vector reads 256 of (\d+) word pieces", said)
    assert match
    assert 0 <= int(match[1]) - pieces < 5
    read = finding(explain_miss(whole, "What do worms eat?", "GAR2"), "corpus")
    assert read == "there, and all of it is read"
    by_sentences = assistant_over([long], refuse_below=0)
    said = finding(explain_miss(by_sentences, "What do worms eat?", "GAR1"), "corpus")
    assert said == "there, and all of it is read"


def test_a_session_without_the_words_is_not_found_by_words_alone(shipped: Settings) -> None:
    lexical = Assistant.open(shipped.with_(lexical_weight=1, refuse_below=0))
    having = codes_of(lexical, "shuffle", DEPTH)
    lacking = next(s.code for s in lexical.sessions() if s.code not in having)
    miss = explain_miss(lexical, "shuffle", lacking)
    assert (stages(miss), miss.lost_at) == (["corpus", "meaning", "words", "fused"], "fused")
    assert finding(miss, "words") == "none of the question's words is in it"
    assert re.fullmatch(r"not among the \d+ best passages", finding(miss, "fused"))


def test_a_session_below_the_passages_that_an_answer_looks_at_is_lost_in_the_fusion(
    answering: Assistant,
) -> None:
    k = answering.settings.top_k
    first = codes_of(answering, QUESTION, k)
    [deep, *_] = [code for code in codes_of(answering, QUESTION, DEPTH) if code not in first]
    miss = explain_miss(answering, QUESTION, deep)
    assert (stages(miss), miss.lost_at) == (STAGES, "fused")
    assert f"; an answer looks at {k} passages" in finding(miss, "fused")
    assert f"; the first is {first[0]}: " in finding(miss, "fused")


def test_a_refusal_is_where_a_session_that_was_found_is_lost(refusing: Assistant) -> None:
    [first, *_] = codes_of(refusing, QUESTION, 1)
    miss = explain_miss(refusing, QUESTION, first)
    assert (stages(miss), miss.lost_at) == (STAGES, "answer")
    assert re.fullmatch(r"refused: confidence 0\.\d{3}, and it takes 1", miss.steps[-1].finding)
    assert finding(miss, "fused").startswith("rank 1, passage 1: ")


def test_a_session_that_others_answer_better_is_lost_in_the_answer(answering: Assistant) -> None:
    cited = [citation.session_code for citation in answering.ask(QUESTION).citations]
    found = codes_of(answering, QUESTION, answering.settings.top_k)
    [other, *_] = [code for code in found if code not in cited]
    miss = explain_miss(answering, QUESTION, other)
    assert (stages(miss), miss.lost_at) == (STAGES, "answer")
    named = ", ".join(dict.fromkeys(cited))
    assert miss.steps[-1].finding == f"cites {named}, whose sentences answer better"


def test_no_session_of_a_list_is_lost(answering: Assistant) -> None:
    """A list looks at many more passages than other answers do."""
    question = "Which sessions cover resilience?"
    cited = {citation.session_code for citation in answering.ask(question).citations}
    places = []
    for code in cited:
        miss = explain_miss(answering, question, code)
        assert miss.lost_at == ""
        places.append(int(re.findall(r"passage (\d+)", finding(miss, "fused"))[0]))
    assert max(places) > answering.settings.top_k


def test_a_question_is_followed_as_it_stands_alone(answering: Assistant) -> None:
    history = ["What is a cell-based architecture?"]
    followed = explain_miss(answering, "Why do they use it?", "ARC310", history=history)
    clear = answering.standalone("Why do they use it?", history)
    assert clear != "Why do they use it?"
    assert followed.steps == explain_miss(answering, clear, "ARC310").steps
    assert followed.question == "Why do they use it?"


def test_a_reranker_has_the_last_word_on_the_order(reranking: Settings) -> None:
    assistant = Assistant.open(reranking.with_(refuse_below=0))
    miss = explain_miss(assistant, "What do worms eat?", "GAR101")
    assert stages(miss) == ["corpus", "meaning", "words", "reranked", "answer"]
    assert re.search(r"passage \d+: reranked -?\d+\.\d{3}, 0\.\d{3} = ", finding(miss, "reranked"))


@pytest.mark.parametrize("question", ["🙂", "the of and", "?", "word " * 2000, '"(AND'])
def test_odd_questions_are_followed_as_well(answering: Assistant, question: str) -> None:
    miss = explain_miss(answering, question, "ARC310")
    assert miss.steps[0].stage == "corpus"
    assert miss.to_text()


@pytest.mark.parametrize(
    ("question", "given", "complaint"),
    [(" ", None, "empty"), (QUESTION, "colour=red", "colour"), (QUESTION, "level>", "level")],
)
def test_what_cannot_be_asked_cannot_be_explained(
    answering: Assistant, question: str, given: str | None, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        explain_miss(answering, question, "ARC310", filter=given)


# How it is told


def test_a_miss_is_told_in_json_and_in_lines(answering: Assistant) -> None:
    miss = explain_miss(answering, QUESTION, "ARC310", filter="session=ARC206")
    record = json.loads(json.dumps(miss.to_dict()))
    assert record == {
        "question": QUESTION,
        "session_code": "ARC310",
        "steps": [
            {"stage": "corpus", "finding": "there, and all of it is read", "lost": False},
            {"stage": "filter", "finding": finding(miss, "filter"), "lost": True},
        ],
        "lost_at": "filter",
    }
    assert miss.to_text().splitlines() == [
        "corpus    there, and all of it is read",
        f"filter    {finding(miss, 'filter')}",
        "lost at   filter",
    ]


# Rankings


def test_a_score_is_shown_with_the_parts_that_add_up_to_it(answering: Assistant) -> None:
    for hit in answering.search("How are gray failures detected?", 20):
        line = scores(hit)
        number = r"(-?\d+\.\d{3})"
        match = re.match(
            rf"{number} = meaning {number} \((.*?)\) \+ words {number} \((.*)\)$", line
        )
        assert match
        total, meaning, words = (float(match[n]) for n in (1, 2, 4))
        assert meaning + words == pytest.approx(total, abs=0.0015)
        assert match[3].startswith(f"rank {hit.dense_rank}: {hit.dense_score:.3f} ")
        assert len(match[3].split()) == 5
        if hit.lexical_rank is None:
            assert match[5] == f"not ranked: {hit.session_score:.3f}"
        else:
            shown = f"rank {hit.lexical_rank}: {hit.lexical_score:.3f} {hit.session_score:.3f}"
            assert match[5] == shown


def test_a_ranking_says_what_decided_it(answering: Assistant) -> None:
    hits = answering.search(QUESTION, 3)
    lines = ranking(hits, answering.settings, "").split("\n")
    weight = answering.settings.lexical_weight
    assert lines[0] == f"filter none; fusion convex, words weigh {weight}"
    assert lines[1] == LEGEND
    assert lines[2:] == [
        f"{place:3}. {hit.passage.id}  {scores(hit)}" for place, hit in enumerate(hits, 1)
    ]
    other = answering.settings.with_(fusion="rrf", lexical_weight=0.5)
    assert ranking([], other, "level>=300").split("\n")[0] == (
        "filter level>=300; fusion rrf, words weigh 0.5"
    )


def test_what_was_not_compared_is_not_shown(shipped: Settings) -> None:
    plain = Assistant.open(shipped.with_(lexical_weight=0, late_interaction=False))
    [hit] = plain.search(QUESTION, 1)
    assert f"(rank 1: {hit.dense_score:.3f})" in scores(hit)
    assert "not ranked" in scores(hit)
