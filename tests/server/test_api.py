"""The JSON API as a program calls it: over HTTP, to a server in a process of its own."""

import json
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from sessionqa import Assistant
from sessionqa.server.records import AnswerRecord, HitRecord, SessionHead

QUESTION = "What is shuffle sharding?"
MOST_CHARS = 80_000


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "timings": {}}


def problem(response: httpx.Response) -> str:
    """The one line that says what is wrong."""
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "\n" not in error["message"]
    return str(error["message"])


def test_an_answer_is_what_the_command_line_prints(api: httpx.Client, assistant: Assistant) -> None:
    response = api.post("/api/ask", json={"question": QUESTION, "k": 3})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    own = json.loads(json.dumps(assistant.ask(QUESTION, 3).to_dict()))
    assert without_times(response.json()) == without_times(own)


def test_an_answer_is_as_the_openapi_page_describes_it(api: httpx.Client) -> None:
    record = api.post("/api/ask", json={"question": QUESTION}).json()
    whole = TypeAdapter(AnswerRecord).validate_python(record)
    assert whole.model_dump(mode="json") == record  # type: ignore[attr-defined]
    hits = api.post("/api/search", json={"query": QUESTION}).json()
    assert [HitRecord.model_validate(hit).model_dump(mode="json") for hit in hits] == hits
    heads = api.get("/api/sessions").json()
    assert [SessionHead.model_validate(head).model_dump(mode="json") for head in heads] == heads


def test_history_makes_a_follow_up_stand_alone(api: httpx.Client) -> None:
    asked = {"question": "Who presented it?", "history": ["What is ARC310 about?"]}
    answer = api.post("/api/ask", json=asked).json()
    assert "Mike Hagen" in answer["text"]
    assert answer["standalone_question"] != answer["question"]


@pytest.mark.parametrize(
    "filters", ["session=ARC310", {"session": "ARC310"}, {"session": ["ARC310"], "level": 300}]
)
def test_filters_are_text_or_an_object(filters: Any, api: httpx.Client) -> None:
    hits = api.post("/api/search", json={"query": "failures", "filters": filters}).json()
    assert {hit["session_code"] for hit in hits} == {"ARC310"}


def test_a_refusal_is_an_answer(api: httpx.Client) -> None:
    response = api.post("/api/ask", json={"question": "What does a kilo of cherries cost?"})
    assert response.status_code == 200
    assert response.json()["refused"]


def test_a_stream_has_the_text_in_pieces_and_then_the_answer(api: httpx.Client) -> None:
    asked = {"question": "Which sessions discuss observability?"}
    accept = {"accept": "text/event-stream"}
    with api.stream("POST", "/api/ask", json=asked, headers=accept) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = list(response.iter_lines())
    events = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert events == ["text"] * (len(events) - 1) + ["answer"]
    assert len(events) > 2
    *pieces, answer = data
    assert "".join(piece["text"] for piece in pieces) == answer["text"]


def test_sessions_are_listed_filtered_and_shown(api: httpx.Client, assistant: Assistant) -> None:
    listed = api.get("/api/sessions").json()
    assert [one["code"] for one in listed] == [one.code for one in assistant.sessions()]
    assert "text" not in listed[0]
    assert api.get("/api/sessions", params={"limit": 2, "offset": 1}).json() == listed[1:3]
    some = api.get("/api/sessions", params={"filter": "level<300"}).json()
    assert some
    assert {one["level"] for one in some} == {200}
    whole = api.get("/api/sessions/arc 310").json()
    assert whole == json.loads(json.dumps(assistant.session("ARC310").to_dict()))


def test_an_unknown_session_is_not_found_and_the_nearest_are_named(api: httpx.Client) -> None:
    response = api.get("/api/sessions/ARC300")
    assert response.status_code == 404
    assert "ARC310" in problem(response)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "question"),
        ({"question": ""}, "question"),
        ({"question": " \n"}, "empty"),
        ({"question": "a" * (MOST_CHARS + 1)}, "80000 characters"),
        ({"question": 7}, "question"),
        ({"question": QUESTION, "k": 0}, "k"),
        ({"question": QUESTION, "k": "many"}, "k"),
        ({"question": QUESTION, "history": "before"}, "history"),
        ({"question": QUESTION, "filters": {"colour": "red"}}, "colour"),
        ({"question": QUESTION, "filters": {}}, "empty"),
        ({"question": QUESTION, "filters": "level>>3"}, "character"),
        ({"question": QUESTION, "filters": {"level": [None]}}, "filters"),
        ({"question": QUESTION, "llm": "gpt"}, "llm"),
        ({"question": QUESTION, "questoin": 1}, "questoin"),
        ([QUESTION], "valid"),
        (None, ""),
    ],
)
def test_what_cannot_be_answered_says_why(asked: Any, said: str, api: httpx.Client) -> None:
    response = api.post("/api/ask", json=asked)
    assert response.status_code == 422
    assert said in problem(response)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b'{"question": "\\ud800"}', b'{"question": "\xff"}', b"[" * 900],
)
def test_what_is_no_json_is_refused(body: bytes, api: httpx.Client) -> None:
    sent = {"content-type": "application/json"}
    response = api.post("/api/ask", content=body, headers=sent)
    assert response.status_code in {400, 422}
    assert problem(response)


def test_routes_that_are_not_there(api: httpx.Client) -> None:
    assert api.get("/nothing").status_code == 404
    wrong = api.get("/api/ask")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert problem(wrong)


def test_the_openapi_page_is_served_from_here(api: httpx.Client) -> None:
    page = api.get("/api/docs")
    assert page.status_code == 200
    described = api.get("/api/openapi.json").json()
    assert {"/api/ask", "/api/search", "/api/sessions", "/v1/chat/completions"} <= set(
        described["paths"]
    )
    assert "//cdn" not in page.text
    for path in ("/api/assets/swagger-ui-bundle.js", "/api/assets/swagger-ui.css"):
        assert path in page.text
        assert api.get(path).status_code == 200


def test_metrics_count_requests_and_time_answers(api: httpx.Client) -> None:
    def count(name: str) -> float:
        lines = api.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    asked = 'sessionqa_requests_total{route="/api/ask",status="200"}'
    before = count(asked), count('sessionqa_answer_seconds_count{stage="retrieve"}')
    api.post("/api/ask", json={"question": "How are metrics counted, if at all?"})
    after = count(asked), count('sessionqa_answer_seconds_count{stage="retrieve"}')
    assert after == (before[0] + 1, before[1] + 1)
    assert count('sessionqa_request_seconds_bucket{le="+Inf",route="/api/ask"}') >= after[0]
    assert count("sessionqa_index{") == 1
