"""What can be wrong with a Milvus, or on the way to it: told in a line, mended by itself."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from links import Line, guarded
from lite import LiteServer, free_port, served

from sessionqa import Assistant, Settings, build_index
from sessionqa.cli import main
from sessionqa.errors import (
    IndexDamaged,
    IndexMissing,
    IndexUnusable,
    OutgoingRefused,
    SettingsError,
)
from sessionqa.index.builds import sealed
from sessionqa.index.milvus import address, live
from sessionqa.index.milvus.records import rows_of
from sessionqa.index.milvus.server import Server
from sessionqa.index.publish import only_builder
from sessionqa.index.stores import store_of

Write = Callable[..., Path]
ASKED = "What do worms eat?"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LiteServer]:
    """A server that a test may stop."""
    with served(tmp_path) as server:
        yield server


def in_milvus(garden: Settings, where: str, **changes: object) -> Settings:
    return garden.with_(index=f"milvus:{where}/garden", **changes)


# --- addresses


@pytest.mark.parametrize(
    "place",
    ["http://localhost:19530/talks", "mlvus:http://localhost/talks", "MILVUS:x", "talks.db"],
)
def test_what_is_nearly_an_address_becomes_no_folder(
    place: str, garden: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert main(["index", "--corpus", str(garden.corpus), "--index", place]) == 2
    assert "milvus:" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_to_ask_a_file_that_is_not_there_does_not_make_it(
    garden: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"milvus:{tmp_path / 'none.db'}"
    assert main(["ask", "What?", "--corpus", str(garden.corpus), "--index", place]) == 3
    assert "it is not there" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_two_builds_at_once_are_told_by_the_address(garden: Settings, own: LiteServer) -> None:
    settings = in_milvus(garden, own.address)
    with only_builder(settings.index), pytest.raises(IndexUnusable, match=own.address):
        build_index(settings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("milvus:http://host:19530/talks", ("http://host:19530", "", "talks")),
        ("milvus:http://host", ("http://host:19530", "", "sessions")),
        ("Milvus:http://host/talks", ("http://host:19530", "", "talks")),
        ("milvus:https://host:443/team/talks", ("https://host:443", "team", "talks")),
        ("milvus:http://[::1]:1/t", ("http://[::1]:1", "", "t")),
    ],
)
def test_an_address_names_server_database_and_alias(
    text: str, expected: tuple[str, str, str]
) -> None:
    parsed = address.parse(text)
    assert (parsed.uri, parsed.database, parsed.alias) == expected
    assert address.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "milvus:",
        "milvus:host:19530/talks",
        "milvus:ftp://host/talks",
        "milvus:http:///talks",
        "milvus:http://host:port/talks",
        "milvus:http://host:99999/talks",
        "milvus:http://host/a/b/c",
        "milvus:http://host/some-talks",
        "milvus:http://host/1talks",
        "milvus:http://host/talks?x=1",
        "milvus:http://host/" + "t" * 200,
        "milvus:./file.sqlite",
    ],
)
def test_what_is_no_address_is_2(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", ASKED, "--index", text]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "milvus:" in err or "collection" in err


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError, match="SESSIONQA_MILVUS_TOKEN") as caught:
        Settings(index=Path("x")).with_(index="milvus:http://me:secret@host/talks")
    assert "secret" not in str(caught.value)


# Not what else an address may be made of, so that what is found of it was given as a password.
SECRETS = st.text(
    st.one_of(st.sampled_from("/?#:[]%&=@. "), st.characters(exclude_categories=["Cs"])), max_size=9
).map("s3cr3t{}".format)


@given(
    secret=SECRETS,
    before=st.sampled_from(["http://me:", "https://:", "me:", "ftp://me:", "http:///", "http://["]),
    after=st.sampled_from(["host", "host:port", "", "[::1", "host:99999", "host:1/a/b/c", "host?"]),
    at=st.sampled_from("@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}"),
    end=st.sampled_from(["", "/t", "/some-talks", "?x=1", "/x.db"]),
)
def test_no_address_with_a_password_is_shown_however_it_is_written(
    secret: str, before: str, after: str, at: str, end: str
) -> None:
    text = f"milvus:{before}{secret}{at}{after}{end}"
    assume("://" in text or not text.endswith(".db"))
    with pytest.raises(SettingsError, match="SESSIONQA_MILVUS_TOKEN") as caught:
        address.parse(text)
    told = caught.value
    assert "s3cr3t" not in str(told)
    # What is beneath it may come into a log.
    assert told.__cause__ is None
    assert told.__context__ is None


def test_a_file_counts_from_the_settings_file(
    garden: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sessionqa.toml").write_text('index = "milvus:talks.db"\n')
    monkeypatch.setenv("SESSIONQA_HOME", str(tmp_path))
    monkeypatch.chdir("/")
    assert Settings.load().milvus == f"milvus:{tmp_path / 'talks.db'}"
    assert Settings.load(index=garden.index).milvus == ""


def test_offline_allows_no_other_machine() -> None:
    there = Settings(offline=True).with_(index="milvus:http://192.0.2.1/talks")
    with pytest.raises(OutgoingRefused, match=r"192\.0\.2\.1"):
        store_of(there)
    store_of(Settings(offline=True).with_(index="milvus:http://localhost/talks"))


# --- what is there, or not


def test_a_server_that_is_not_there_is_told_in_time(garden: Settings) -> None:
    settings = in_milvus(garden, f"http://127.0.0.1:{free_port()}", milvus_seconds=1.0)
    started = time.monotonic()
    with pytest.raises(IndexUnusable, match="did not answer within 1 s"):
        Assistant.open(settings)
    with pytest.raises(IndexUnusable, match="did not answer"):
        build_index(settings)
    assert time.monotonic() - started < 40


def test_a_server_without_the_collection_is_told_what_to_run(
    garden: Settings, milvus_server: str
) -> None:
    with pytest.raises(IndexMissing, match="run `sessionqa index`"):
        Assistant.open(garden.with_(index=f"milvus:{milvus_server}/nothing_here"))


def test_a_collection_of_others_is_not_taken_for_an_index(
    garden: Settings, milvus_server: str
) -> None:
    from pymilvus import MilvusClient

    client = MilvusClient(milvus_server)
    client.create_collection("others", dimension=8)
    client.create_alias("others", "garden_of_others")
    settings = garden.with_(index=f"milvus:{milvus_server}/garden_of_others")
    with pytest.raises(IndexDamaged, match="others, which is no index"):
        Assistant.open(settings)
    with pytest.raises(IndexUnusable, match="others, a collection that is no index"):
        build_index(settings)
    assert client.describe_alias("garden_of_others")["collection_name"] == "others"


def rewritten(settings: Settings, old: str, new: str) -> None:
    """Puts other words into the manifest of the live build."""
    server = Server(address.parse(settings.milvus), settings)
    found = live.live_build(server)
    text = sealed(found.manifest).decode()
    assert old in text
    record = {
        "manifest": text.replace(old, new),
        "dead": [],
        "keeps_sentences": True,
        "exact": True,
    }
    server.put(f"{found.collection}_records", list(rows_of(live.BUILD, record, 1)))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"format": 7', '"format": 6', "has format 6"),
        ('"passages": 4', '"passages": 5', "by its checksum"),
    ],
)
def test_an_older_or_altered_index_is_told_to_be_built_again(
    old: str, new: str, told: str, garden: Settings, milvus_server: str
) -> None:
    settings = garden.with_(index=f"milvus:{milvus_server}/altered{len(told)}")
    build_index(settings)
    rewritten(settings, old, new)
    with pytest.raises(IndexDamaged, match=told):
        Assistant.open(settings)
    build_index(settings)
    assert "scraps" in Assistant.open(settings).ask(ASKED).text


def test_vectors_of_another_length_are_told_of(
    garden: Settings, milvus_server: str, tiny: Path, own_cache: Path
) -> None:
    assert own_cache
    settings = garden.with_(index=f"milvus:{milvus_server}/lengths", model=str(tiny))
    build_index(settings)
    server = Server(address.parse(settings.milvus), settings)
    found = live.live_build(server)
    encoder = {**found.manifest.encoder, "dim": 384}
    from dataclasses import replace

    record = {
        "manifest": sealed(replace(found.manifest, encoder=encoder)).decode(),
        "dead": [],
        "keeps_sentences": True,
        "exact": True,
    }
    server.put(f"{found.collection}_records", list(rows_of(live.BUILD, record, 1)))
    with pytest.raises(IndexDamaged, match="vectors of length 32"):
        Assistant.open(settings)


def test_a_file_that_another_process_has_is_told_of(garden: Settings, tmp_path: Path) -> None:
    import subprocess
    import sys

    settings = garden.with_(index=f"milvus:{tmp_path / 'held.db'}")
    build_index(settings)
    command = [sys.executable, "-m", "sessionqa", "ask", ASKED, "--index", settings.place]
    command += ["--corpus", str(settings.corpus)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 3
    assert "milvus-lite server" in found.stderr
    assert found.stderr.count("\n") == 1


# --- credentials and certificates


def test_credentials_are_shown_and_wrong_ones_refused(garden: Settings, tmp_path: Path) -> None:
    with guarded(tmp_path / "data", token="root:right") as port:
        settings = in_milvus(garden, f"http://127.0.0.1:{port}", milvus_token="root:right")
        build_index(settings)
        assert "scraps" in Assistant.open(settings).ask(ASKED).text
        for token in ("root:wrong", ""):
            with pytest.raises(IndexUnusable, match="refuses the credentials") as caught:
                Assistant.open(settings.with_(milvus_token=token))
            assert "wrong" not in str(caught.value)


def test_a_certificate_of_ones_own_is_trusted_when_it_is_named(
    garden: Settings, tmp_path: Path
) -> None:
    import trustme

    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = (certificate.private_key_pem.bytes(), chain)
    with guarded(tmp_path / "data", tls=tls) as port:
        where = f"https://localhost:{port}"
        settings = in_milvus(garden, where, milvus_ca=str(tmp_path / "ca.pem"))
        build_index(settings)
        assert "scraps" in Assistant.open(settings).ask(ASKED).text
        with pytest.raises(IndexUnusable, match="did not answer"):
            Assistant.open(in_milvus(garden, where, milvus_seconds=2.0))
    with pytest.raises(SettingsError, match="milvus:https"):
        store_of(in_milvus(garden, "http://localhost:1", milvus_ca="ca.pem"))
    missing = str(tmp_path / "none.pem")
    with pytest.raises(SettingsError, match="milvus_ca"):
        store_of(in_milvus(garden, "https://localhost:1", milvus_ca=missing))


# --- a server that goes and comes, and a line that is slow and cut


def test_questions_go_on_when_the_server_comes_back(garden: Settings, own: LiteServer) -> None:
    settings = in_milvus(garden, own.address, milvus_seconds=20.0)
    build_index(settings)
    assistant = Assistant.open(settings)
    assert "scraps" in assistant.ask(ASKED).text
    own.kill()
    later = threading.Timer(2.0, own.start)
    later.start()
    # Nothing of it is remembered, and the server is away when it is asked.
    assert "eighty" in assistant.ask("How hot is tea brewed?").text
    later.join()


def test_a_server_that_stays_away_is_told_of_and_forgiven(
    garden: Settings, own: LiteServer
) -> None:
    settings = in_milvus(garden, own.address, milvus_seconds=1.0)
    build_index(settings)
    assistant = Assistant.open(settings)
    own.stop()
    with pytest.raises(IndexUnusable, match="did not answer"):
        assistant.ask(ASKED)
    own.start()
    store_of(settings).open(store_of(settings).live())
    for _ in range(20):
        try:
            assert "scraps" in assistant.ask(ASKED).text
            break
        except IndexUnusable:
            time.sleep(0.5)
    else:
        pytest.fail("it does not recover")


def test_a_build_survives_that_the_server_is_killed(
    garden: Settings, own: LiteServer, write_session: Write
) -> None:
    settings = in_milvus(garden, own.address, milvus_seconds=1.0)
    build_index(settings)
    for number in range(30):
        write_session(f"GAR5{number:02}", f"Bed {number}", f"Bed {number} has {number} leeks.")
    killer = threading.Timer(0.7, own.kill)
    killer.start()
    with suppress(IndexUnusable):
        build_index(settings)
    killer.join()
    own.start()
    assert "scraps" in Assistant.open(settings).ask(ASKED).text
    build_index(settings)
    index = store_of(settings).open(store_of(settings).live(), verify=True)
    assert len(index.sessions()) == 32
    ids = [id_ for id_, _ in index.lexical(["leek"], 99)]
    assert len(ids) == len(set(ids)) == 30


def test_a_slow_and_broken_line_costs_time_and_nothing_else(
    garden: Settings, own: LiteServer, write_session: Write
) -> None:
    line = Line(own.port)
    line.delay = 0.05
    settings = in_milvus(garden, line.address, milvus_seconds=20.0)
    done = threading.Event()

    def cutting() -> None:
        while not done.wait(0.6):
            line.cut()

    cutter = threading.Thread(target=cutting)
    cutter.start()
    try:
        build_index(settings)
        write_session("GAR303", "Bees", "Bees prefer borage.")
        build_index(settings)
        assistant = Assistant.open(settings)
        answers = [assistant.ask(asked).text for asked in (ASKED, "What do bees prefer?")]
    finally:
        done.set()
        cutter.join()
        line.close()
    assert "scraps" in answers[0]
    assert "borage" in answers[1]
    straight = in_milvus(garden, own.address)
    index = store_of(straight).open(store_of(straight).live(), verify=True)
    assert [one.code for one in index.sessions()] == ["GAR101", "GAR202", "GAR303"]
