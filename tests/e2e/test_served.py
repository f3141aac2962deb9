"""What the page's server answers to requests that no page sends."""

import httpx
import pytest
from harness import Server


@pytest.fixture(scope="module")
def client(chat_server: Server) -> httpx.Client:
    return httpx.Client(base_url=chat_server.url, timeout=60)


@pytest.mark.parametrize(
    ("method", "path", "given"),
    [
        ("GET", f"/static/{'a' * 300}", {}),
        ("GET", f"/assets/{'a' * 300}", {}),
        ("POST", "/gradio_api/queue/join", {"json": {"fn_index": 99999, "session_hash": "x"}}),
        ("POST", "/gradio_api/queue/join", {"content": b"{"}),
        ("POST", "/gradio_api/queue/join", {"json": []}),
        ("GET", "/", {"headers": {"x-forwarded-host": "a:b"}}),
        ("GET", "/", {"headers": {"x-gradio-server": "http://evil.example"}}),
        ("GET", "/gradio_api/queue/data?session_hash=unknown", {"headers": {"range": "bytes=0-"}}),
    ],
)
def test_nothing_breaks_it(
    method: str, path: str, given: dict[str, object], client: httpx.Client
) -> None:
    with client.stream(method, path, **given) as response:  # type: ignore[arg-type]
        assert response.status_code < 500
        response.read() if response.status_code != 200 else None
    assert client.get("/healthz").status_code == 200


def test_no_other_origin_may_read_the_page(chat_server: Server) -> None:
    with httpx.Client(base_url=chat_server.url, timeout=60) as client:
        for origin in ({}, {"origin": chat_server.url}):
            response = client.get("/config", headers=origin)
            assert response.status_code == 200
            assert not [name for name in response.headers if name.startswith("access-control")]
        foreign = client.get("/config", headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403


def test_a_page_that_lost_its_server_can_find_it_again(client: httpx.Client) -> None:
    assert client.get("/gradio_api/app_id").status_code == 200
