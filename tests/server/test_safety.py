"""Who may call, how much and how often; and that nothing else is open."""

import base64
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import anyio
import httpx
import pytest
from serving import Served, serving
from starlette.types import Message

from sessionqa import Settings
from sessionqa.errors import ServerError, SettingsError
from sessionqa.server import limits
from sessionqa.server.gate import GUESSES, Access
from sessionqa.server.hosts import network_of
from sessionqa.server.limits import MOST_BYTES

TOKEN = "a-token-of-the-tests"
USER, PASSWORD = "ada", "pässword"
# An address of documentation: through a proxy on this machine, a client of elsewhere.
ELSEWHERE = {"x-forwarded-for": "203.0.113.7"}


def basic(user: str, password: str) -> dict[str, str]:
    shown = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {shown}"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def guarded(shipped: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that other machines reach, with both ways to be let in."""
    home = tmp_path_factory.mktemp("guarded")
    (home / "sessionqa.toml").write_text(f'user = "{USER}"\nrequests_per_minute = 5\n')
    secrets = {"SESSIONQA_TOKEN": TOKEN, "SESSIONQA_PASSWORD": PASSWORD}
    with serving(shipped, host="0.0.0.0", SESSIONQA_HOME=str(home), **secrets) as server:
        yield server


# --- who may call


@pytest.mark.parametrize(
    "shown",
    [bearer(TOKEN), basic(USER, PASSWORD), basic("", TOKEN), {"authorization": f"bearer {TOKEN}"}],
)
def test_the_token_or_user_and_password_open(shown: dict[str, str], guarded: Served) -> None:
    with guarded.client(headers=shown) as client:
        assert client.get("/api/sessions").status_code == 200


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"authorization": "Bearer"},
        bearer(f"{TOKEN} "[:-2]),
        basic(USER, "wrong"),
        basic("other", PASSWORD),
        basic("", ""),
        {"authorization": "Basic ???"},
        {"authorization": b"Basic \xfc"},
        {"authorization": f"Basic {base64.b64encode(bytes([255])).decode()}"},
        {"authorization": TOKEN},
    ],
)
@pytest.mark.parametrize(
    "path",
    ["/api/sessions", "/metrics", "/api/docs", "/api/openapi.json", "/v1/models", "/mcp", "/"],
)
def test_nothing_else_opens_anything(shown: dict[str, str], path: str, guarded: Served) -> None:
    # Each guess from an address of its own: see below for guesses from one.
    address = {"x-forwarded-for": f"2001:db8:{abs(hash((str(shown), path))) % 65535:x}::1"}
    with guarded.client(headers={**shown, **address}) as client:
        response = client.get(path)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Basic")
        assert TOKEN not in response.text


def test_life_and_readiness_are_told_to_anyone_and_nothing_else(guarded: Served) -> None:
    with guarded.client() as client:
        for path in ("/healthz", "/readyz"):
            assert (client.get(path).status_code, client.get(path).text) == (200, "ok\n")


def test_who_guesses_is_soon_told_to_wait(guarded: Served) -> None:
    with guarded.client(headers={"x-forwarded-for": "203.0.113.9"}) as client:
        wrong = [client.get("/api/sessions", headers=bearer("guess")) for _ in range(GUESSES + 1)]
        assert [response.status_code for response in wrong] == [401] * GUESSES + [429]
        assert 0 < int(wrong[-1].headers["retry-after"]) <= 60
        # The right one as well, or guessing would go on; a browser is still asked for one.
        assert client.get("/api/sessions", headers=bearer(TOKEN)).status_code == 429
        assert client.get("/api/sessions").status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_no_server_for_a_network_without_a_token(host: str) -> None:
    with pytest.raises(ServerError, match=r"SESSIONQA_TOKEN.*--no-auth"):
        Access.of(Settings(host=host))
    assert not Access.of(Settings(host=host), open_to_all=True).needed
    assert Access.of(Settings(host=host, token=TOKEN)).needed


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_needs_none(host: str) -> None:
    assert not Access.of(Settings(host=host)).needed


def test_the_command_says_what_is_missing(shipped: Settings) -> None:
    places = ["--corpus", str(shipped.corpus), "--index", str(shipped.index)]
    command = [sys.executable, "-m", "sessionqa", "serve", "--host", "0.0.0.0", *places]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("sessionqa: 0.0.0.0 can be reached from other machines")


# --- pages of other sites


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "[bad", "", "127.0.0.1.evil"])
def test_a_name_that_means_this_machine_by_trickery_is_refused(
    host: str, api: httpx.Client
) -> None:
    assert api.get("/api/sessions", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://["]
)
def test_no_page_of_elsewhere_asks(origin: str, api: httpx.Client) -> None:
    asked = {"json": {"query": "x"}, "headers": {"origin": origin}}
    assert api.post("/api/search", **asked).status_code == 403  # type: ignore[arg-type]


def test_no_page_of_elsewhere_reads(guarded: Served) -> None:
    foreign = {**bearer(TOKEN), "origin": "https://evil.example"}
    with guarded.client(headers=foreign) as client:
        for path in ("/api/sessions", "/api/openapi.json"):
            response = client.get(path)
            assert response.status_code == 403
            assert "access-control-allow-origin" not in response.headers


def test_a_page_of_its_own_asks(api: httpx.Client) -> None:
    own = {"origin": str(api.base_url).rstrip("/")}
    assert api.post("/api/search", json={"query": "x"}, headers=own).status_code == 200


def test_every_answer_has_the_headers(api: httpx.Client) -> None:
    for path in ("/api/sessions", "/nothing", "/api/docs", "/healthz"):
        headers = api.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path", ["/api/assets/../app.py", "/api/assets/%2e%2e/%2e%2e/core.py", "/file=/etc/passwd"]
)
def test_no_file_of_the_machine_is_served(path: str, api: httpx.Client) -> None:
    assert api.get(path).status_code == 404


@pytest.mark.parametrize("settings", [{"user": "a:b", "password": "x"}, {"token": "tökén"}])
def test_what_could_never_be_shown_is_refused_at_once(settings: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        Settings(**settings)  # type: ignore[arg-type]


def test_secrets_are_not_shown() -> None:
    shown = repr(Settings(token=TOKEN, user=USER, password=PASSWORD))
    assert TOKEN not in shown
    assert PASSWORD not in shown
    assert PASSWORD not in repr(Access(TOKEN, USER, PASSWORD))


# --- how much, how often, how many


def test_a_filter_of_very_many_values_is_refused(api: httpx.Client) -> None:
    started = time.monotonic()
    filters = {"level": [1] * 100_000}
    response = api.post("/api/search", json={"query": "x", "filters": filters})
    assert response.status_code == 422
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_addresses_of_one_caller_are_one(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_request_that_is_too_large(api: httpx.Client) -> None:
    sent = {"content-type": "application/json"}
    assert api.post("/api/ask", content=b" " * (MOST_BYTES + 1), headers=sent).status_code == 413

    def growing() -> Iterator[bytes]:
        for _ in range(MOST_BYTES // 50_000 + 2):
            yield b" " * 50_000

    # The server may hang up before all is sent.
    with suppress(httpx.WriteError):
        assert api.post("/api/ask", content=growing(), headers=sent).status_code == 413
    assert api.get("/healthz").status_code == 200


def test_who_asks_too_often_is_told_to_wait(guarded: Served) -> None:
    with guarded.client(headers={**bearer(TOKEN), **ELSEWHERE}) as client:
        statuses = [client.post("/api/search", json={"query": "x"}).status_code for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2
        last = client.post("/api/search", json={"query": "x"})
        assert 0 < int(last.headers["retry-after"]) <= 60
        assert "5 requests a minute" in last.json()["error"]["message"]
    with guarded.client(headers=bearer(TOKEN)) as client:
        assert client.post("/api/search", json={"query": "x"}).status_code == 200


def test_who_only_reads_is_counted_as_well(guarded: Served) -> None:
    headers = {**bearer(TOKEN), "x-forwarded-for": "203.0.113.8"}
    with guarded.client(headers=headers) as client:
        statuses = [client.get("/api/sessions?limit=1").status_code for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2
        assert client.get("/healthz").status_code == client.get("/metrics").status_code == 200


def test_when_all_are_busy_others_are_sent_away(shipped: Settings, tmp_path: Path) -> None:
    (tmp_path / "sessionqa.toml").write_text("requests_at_once = 2\nworkers = 0\n")
    asked = [{"query": f"what has the number {n}"} for n in range(60)]
    with (
        serving(shipped, SESSIONQA_HOME=str(tmp_path)) as server,
        server.client() as client,
        ThreadPoolExecutor(12) as many,
    ):
        responses = list(many.map(lambda one: client.post("/api/search", json=one), asked))
    statuses = {response.status_code for response in responses}
    assert statuses == {200, 429}
    assert {r.headers["retry-after"] for r in responses if r.status_code == 429} == {"1"}


def test_a_slow_client_holds_nobody_up(api: httpx.Client) -> None:
    port = api.base_url.port or 0
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(
            b"POST /api/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        started = time.monotonic()
        assert api.post("/api/search", json={"query": "x"}).status_code == 200
        assert time.monotonic() - started < 5


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)
    sent: list[Message] = []

    async def never() -> Message:
        await anyio.sleep_forever()

    async def send(message: Message) -> None:
        sent.append(message)

    async def unreached(*_: object) -> None:
        raise AssertionError("it was passed on")

    scope = {"type": "http", "method": "POST", "path": "/api/ask", "headers": [], "client": None}
    running = limits.Running()
    limited = limits.Limits(unreached, running, at_once=1, per_minute=0)
    with ThreadPoolExecutor(1) as beside:
        beside.submit(anyio.run, limited, scope, never, send).result()
    assert sent[0]["status"] == 408
    assert running.count == 0
