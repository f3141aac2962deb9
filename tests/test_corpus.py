"""Corpus files -> Session: what a good file gives, and how a bad one is refused."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sessionqa import Session, Settings, Speaker, body, build_index
from sessionqa.corpus import (
    MAX_FILE_BYTES,
    MAX_TITLE_CHARS,
    changed_since,
    read_corpus,
    read_session,
    session_files,
    stamps,
)
from sessionqa.errors import CorpusError

ROOT = Path(__file__).parents[1]
ARTICLE = ROOT.parent / "shared" / "seed" / "reinvent-2023-arc.txt"
SHIPPED_CODES = [
    f"ARC{number}"
    for number in (206, 306, 307, 308, 309, 310, 311, 312, 313, 315, 316, 317, 319, 327)
]

Write = Callable[..., Path]
Known = tuple[Path, dict[str, str], dict[str, list[int]]]


def file_with(tmp_path: Path, content: bytes | str, name: str = "a.md") -> Path:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# A good file


def test_a_good_file_gives_every_field(tmp_path: Path) -> None:
    path = file_with(
        tmp_path,
        "---\ncode: GAR101\ntitle: Composting on a balcony\nevent: Garden Days\nyear: 2024\n"
        "track: GAR\nlevel: 100\nspeakers:\n  - name: Zoë Ångström\n    role: head gardener\n"
        "  - Bo Leaf\nservices: [Worm bin, Rain barrel]\nurl: https://example.org/v\n---\n\n"
        "## Worms\n\nWorms eat scraps. 堆肥 🙂\n",
    )
    session = read_session(path)
    assert (session.code, session.title) == ("GAR101", "Composting on a balcony")
    assert (session.event, session.year, session.track, session.level) == (
        "Garden Days",
        2024,
        "GAR",
        100,
    )
    assert session.speakers == (Speaker("Zoë Ångström", "head gardener"), Speaker("Bo Leaf"))
    assert session.services == ("Worm bin", "Rain barrel")
    assert session.url == "https://example.org/v"
    assert len(session.sha256) == 64
    assert session.text.startswith("GAR101: Composting on a balcony.\nPresented by Zoë Ångström")
    assert session.text.endswith("## Worms\n\nWorms eat scraps. 堆肥 🙂")


def test_code_and_title_are_enough(tmp_path: Path) -> None:
    session = read_session(file_with(tmp_path, "---\ncode: A1\ntitle: Only this\n---\n"))
    assert session.text == "A1: Only this."
    assert (session.year, session.level, session.speakers, session.services) == (None, None, (), ())


def test_sessions_come_by_file_name_with_paths_relative_to_the_folder(tmp_path: Path) -> None:
    file_with(tmp_path, "---\ncode: B1\ntitle: Second\n---\n", "z.md")
    file_with(tmp_path, "---\ncode: A1\ntitle: First\n---\n", "deeper/a.md")
    assert [(s.path, s.code) for s in read_corpus(tmp_path)] == [
        ("deeper/a.md", "A1"),
        ("z.md", "B1"),
    ]


def test_readme_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    good = file_with(tmp_path, "---\ncode: A1\ntitle: T\n---\n", "good.md")
    for name in ("README.md", "sub/readme.md", ".draft.md", ".git/x.md", "gold.jsonl", "n.txt"):
        file_with(tmp_path, "not a session", name)
    assert session_files(tmp_path) == [good]
    assert [session.code for session in read_corpus(tmp_path)] == ["A1"]


# Bytes


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\xef\xbb\xbf---\ncode: A1\ntitle: T\n---\n\nOne.\n\nTwo.\n", id="BOM"),
        pytest.param(b"---\r\ncode: A1\r\ntitle: T\r\n---\r\n\r\nOne.\r\n\r\nTwo.\r\n", id="CRLF"),
        pytest.param(b"---\rcode: A1\rtitle: T\r---\r\rOne.\r\rTwo.\r", id="CR"),
        pytest.param(
            b"\xef\xbb\xbf---\r\ncode: A1\r\ntitle: T\r\n---\r\n\r\nOne.\r\n\r\nTwo.", id="both"
        ),
    ],
)
def test_byte_order_mark_and_line_ends_make_no_difference(tmp_path: Path, raw: bytes) -> None:
    session = read_session(file_with(tmp_path, raw))
    assert (session.code, session.text) == ("A1", "A1: T.\n\nOne.\n\nTwo.")


def test_control_characters_are_replaced(tmp_path: Path) -> None:
    session = read_session(
        file_with(
            tmp_path, "---\ncode: A1\ntitle: T\x1b[31m\n---\n\nnul\x00 bell\x07 c1\x9b &#27;[1m"
        )
    )
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", session.title + session.text)
    assert session.title == "T\ufffd[31m"
    assert "nul\ufffd bell\ufffd" in session.text


def test_control_characters_written_as_yaml_escapes_are_replaced(tmp_path: Path) -> None:
    session = read_session(file_with(tmp_path, '---\ncode: A1\ntitle: "T\\e[31m\\0"\n---\n'))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", session.title + session.text)


def test_decomposed_letters_are_composed(tmp_path: Path) -> None:
    session = read_session(file_with(tmp_path, "---\ncode: A1\ntitle: Zoe\u0308\n---\n"))
    assert session.title == "Zo\u00eb"


# Bad folders and files


def test_a_missing_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere does not exist: create it, or .*--corpus"):
        read_corpus(tmp_path / "nowhere")


def test_a_folder_without_sessions_is_named_with_the_remedy(tmp_path: Path) -> None:
    file_with(tmp_path, "read me", "README.md")
    with pytest.raises(CorpusError, match=r"holds no session: put one Markdown file"):
        read_corpus(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", r"a\.md is empty: write", id="no bytes"),
        pytest.param(b" \n\t\n", r"a\.md is empty: write", id="blank"),
        pytest.param(
            b"---\ncode: A1\ntitle: T\n---\n\nfine\nbad \xff\n",
            r"a\.md:7: not UTF-8 text: save the file as UTF-8",
            id="not UTF-8",
        ),
        pytest.param("---\ncode: A1\n".encode("utf-16"), r"a\.md:1: not UTF-8 text", id="UTF-16"),
        pytest.param("# Just text\n", r"a\.md:1: no front matter: begin", id="no front matter"),
        pytest.param("---\ncode: A1\ntitle: T\n", r"a\.md:1: the front matter", id="not closed"),
        pytest.param("---\n- a\n---\n", r"a\.md:1: the front matter holds no", id="a list"),
        pytest.param("---\n---\nx", r"a\.md:1: the front matter holds no", id="empty matter"),
        pytest.param("---\ntitle: T\n---\n", r"a\.md:1: no code .* add a line `c", id="no code"),
        pytest.param("---\ncode: A1\n---\n", r"a\.md:1: no title .* add a line `t", id="no title"),
        pytest.param("---\ncode: ''\ntitle: T\n---\n", r"a\.md:1: no code", id="empty code"),
        pytest.param(
            "---\ntitle: T\ncode: ARC 310\n---\n",
            r"a\.md:3: code 'ARC 310' has a space: remove it",
            id="space in code",
        ),
        pytest.param(
            f"---\ncode: A1\ntitle: {'x' * (MAX_TITLE_CHARS + 1)}\n---\n",
            r"a\.md:3: the title is over 300 characters",
            id="long title",
        ),
        pytest.param(
            "---\ncode: A1\ntitle: [T]\n---\n", r"a\.md:3: title must be a text", id="title list"
        ),
        pytest.param(
            "---\ncode: A1\ntitle: T\nlevel: expert\n---\n",
            r"a\.md:4: level is 'expert': give a whole number",
            id="level in words",
        ),
        pytest.param(
            "---\ncode: A1\ntitle: T\n\nyear: soon\n---\n",
            r"a\.md:5: year is 'soon': give a whole number",
            id="year in words",
        ),
        pytest.param(
            "---\ncode: A1\ntitle: T\nspeakers:\n  - role: chef\n---\n",
            r"a\.md:4: a speaker has no name: write `- name:",
            id="speaker without name",
        ),
        pytest.param(
            "---\ncode: A1\ntitle: T\nspeakers:\n  -\n---\n",
            r"a\.md:4: a speaker has no name",
            id="empty speaker",
        ),
        pytest.param(
            "---\ncode: A1\ntitle: T\nservices: EC2\n---\n",
            r"a\.md:4: services must be a list of texts",
            id="services a text",
        ),
        pytest.param(
            "---\ncode: A1\ntitle: T\nservices: [{a: b}]\n---\n",
            r"a\.md:4: services must be a list of texts",
            id="services of mappings",
        ),
        pytest.param(
            "---\ncode: A1\ntitle: !!python/object/apply:os.getcwd []\n---\n",
            r"a\.md:3: title must be a text",
            id="YAML that would run code",
        ),
    ],
)
def test_a_bad_file_is_refused_with_its_line(
    tmp_path: Path, content: bytes | str, message: str
) -> None:
    file_with(tmp_path, content)
    with pytest.raises(CorpusError, match=message) as caught:
        read_corpus(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param("---\ncode: A1\ntitle: a: b\n---\n", 3, id="plain"),
        pytest.param("---\n\n\n\n\ncode: A1\ntitle: a: b\n---\n", 7, id="blank lines inside"),
        pytest.param("\n\n\n---\ncode: A1\ntitle: a: b\n---\n", 6, id="blank lines before"),
    ],
)
def test_broken_yaml_is_refused_with_its_exact_line(
    tmp_path: Path, content: str, line: int
) -> None:
    path = file_with(tmp_path, content)
    with pytest.raises(CorpusError, match="front matter is not YAML") as caught:
        read_session(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")


def test_deeply_nested_yaml_is_refused_and_does_not_end_the_process(tmp_path: Path) -> None:
    nested = "[" * 30_000 + "]" * 30_000
    path = file_with(tmp_path, f"---\ncode: A1\ntitle: T\nx: {nested}\n---\n")
    program = (
        "import sys; from pathlib import Path; from sessionqa.corpus import read_session\n"
        "from sessionqa.errors import CorpusError\n"
        "try: read_session(Path(sys.argv[1]))\n"
        "except CorpusError: print('refused')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "refused")


def test_a_file_over_the_size_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(CorpusError, match=r"a\.md has 10 MiB, more than the 10 MiB .*: split it"):
        read_session(path)


def test_a_file_that_vanishes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"gone\.md cannot be read: No such file"):
        read_session(tmp_path / "gone.md")


def test_a_code_used_twice_names_both_files_and_lines(tmp_path: Path) -> None:
    one = file_with(tmp_path, "---\ncode: ARC1\ntitle: T\n---\n", "one.md")
    two = file_with(tmp_path, "---\ntitle: T\nyear: 2023\ncode: arc1\n---\n", "two.md")
    with pytest.raises(CorpusError) as caught:
        read_corpus(tmp_path)
    assert f"{two}:4: code arc1 is taken by {one}:2" in str(caught.value)


def test_a_number_too_large_for_the_index_is_refused_as_a_corpus_error(
    garden: Settings, write_session: Write
) -> None:
    write_session("GAR303", "Far future", "Trees grow.", year="99999999999999999999")
    with pytest.raises(CorpusError, match=r"GAR303\.md:4: year"):
        build_index(garden)


@pytest.mark.parametrize(
    ("code", "title"),
    [("010", "T"), ("NO", "T"), ("A1", "1:30"), ("A1", "Yes"), ("A1", "1_000")],
)
def test_code_and_title_are_taken_as_written(tmp_path: Path, code: str, title: str) -> None:
    session = read_session(file_with(tmp_path, f"---\ncode: {code}\ntitle: {title}\n---\n"))
    assert (session.code, session.title) == (code, title)


# Markdown


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("See [the *bin*](http://x.example/y) now.", "See the bin now."),
        ("![a worm](w.png) eats **very** _fast_ `peel`.", "a worm eats very fast peel."),
        ("One line\nand its rest.", "One line and its rest."),
        ("One line  \nbroken hard.", "One line broken hard."),
        ("# Top\n\n## Below ##\n\nText.", "# Top\n\n## Below\n\nText."),
        ("Underlined\n=====\n\nText.", "## Underlined\n\nText."),
        ("- one\n- two\n  - three", "- one\n\n- two\n\n- three"),
        ("1. one\n2. two", "- one\n\n- two"),
        ("> quoted **text**", "quoted text"),
        ("```python\nx = 1\n\ny = 2\n```", "x = 1\ny = 2"),
        ("    indented = 1", "indented = 1"),
        ("a <b>bold</b> <script>alert(1)</script>", "a <b>bold</b> <script>alert(1)</script>"),
        ("5 &lt; 6 &amp; so on", "5 < 6 & so on"),
        ("", ""),
    ],
)
def test_markdown_becomes_the_text_that_a_reader_sees(markdown: str, text: str) -> None:
    assert body.read(markdown).text == text


def test_a_table_becomes_its_cells() -> None:
    text = body.read("| Plant | Weeks |\n|---|---:|\n| *Mint* | `6` |\n").text
    assert "|" not in text
    assert "---" not in text
    assert text.split() == ["Plant", "Weeks", "Mint", "6"]


def test_the_dash_of_a_list_does_not_move_to_the_paragraph_after_it() -> None:
    assert body.read("- ```\n  dig()\n  ```\n\nThen rest.").text.endswith("\n\nThen rest.")


def test_a_rule_in_the_body_is_not_a_fence(tmp_path: Path) -> None:
    session = read_session(file_with(tmp_path, "---\ncode: A1\ntitle: T\n---\n\nA.\n\n---\n\nB."))
    assert session.text == "A1: T.\n\nA.\n\nB."


# Changes


@pytest.fixture
def known(garden: Settings) -> Known:
    """A folder, and the checksums and stamps of its files when it was read."""
    digests = {session.path: session.sha256 for session in read_corpus(garden.corpus)}
    return garden.corpus, digests, stamps(garden.corpus)


def test_an_untouched_folder_has_not_changed(known: Known) -> None:
    assert changed_since(*known) == []


def test_a_file_touched_but_the_same_has_not_changed(
    known: Known,
) -> None:
    os.utime(known[0] / "GAR101.md", (1, 1))
    assert stamps(known[0]) != known[2]
    assert changed_since(*known) == []


def test_a_file_replaced_by_an_older_one_has_changed(known: Known, write_session: Write) -> None:
    os.utime(write_session("GAR101", "Composting on a balcony", "Something else."), (1, 1))
    assert changed_since(*known) == ["GAR101.md"]


def test_altered_added_and_removed_files_are_named(known: Known, write_session: Write) -> None:
    folder = known[0]
    write_session("GAR101", "Composting on a balcony", "Something else.")
    assert changed_since(*known) == ["GAR101.md"]
    write_session("GAR303", "New", "New.")
    assert changed_since(*known) == ["GAR101.md", "GAR303.md"]
    (folder / "GAR202.md").unlink()
    assert changed_since(*known) == ["GAR101.md", "GAR202.md", "GAR303.md"]


def test_an_absent_folder_has_not_changed(known: Known) -> None:
    assert changed_since(known[0] / "nowhere", known[1], known[2]) == []


# The corpus that ships


@pytest.fixture(scope="module")
def shipped_sessions() -> list[Session]:
    return read_corpus(ROOT / "corpus")


def bodies() -> Iterator[tuple[str, str]]:
    for path in session_files(ROOT / "corpus"):
        yield path.stem, path.read_text(encoding="utf-8").split("\n---\n", 1)[1]


def test_the_shipped_corpus_has_its_fourteen_sessions(shipped_sessions: list[Session]) -> None:
    assert [session.code for session in shipped_sessions] == SHIPPED_CODES


def test_each_shipped_session_says_level_track_event_and_recording(
    shipped_sessions: list[Session],
) -> None:
    for session in shipped_sessions:
        assert session.level in {200, 300, 400}, session.code
        assert (session.track, session.event, session.year) == ("ARC", "AWS re:Invent", 2023)
        assert session.url.startswith("https://www.youtube.com/watch?v="), session.code
        front = (ROOT / "corpus" / session.path).read_text(encoding="utf-8").split("\n---\n")[0]
        assert re.search(
            rf'^video_title: "AWS re:Invent 2023 - .*\({session.code}\)"$', front, re.M
        )


def test_each_shipped_session_is_a_summary_of_200_to_500_words() -> None:
    counts = {code: len(body.split()) for code, body in bodies()}
    assert {code: count for code, count in counts.items() if not 200 <= count <= 500} == {}


def test_the_shipped_recordings_are_all_different(shipped_sessions: list[Session]) -> None:
    assert len({session.url for session in shipped_sessions}) == len(shipped_sessions)


@pytest.mark.skipif(not ARTICLE.is_file(), reason="the article of the sources is not here")
def test_no_run_of_eight_words_is_copied_from_the_article(
    shipped_sessions: list[Session],
) -> None:
    def runs(words: list[str]) -> set[tuple[str, ...]]:
        return {tuple(words[at : at + 8]) for at in range(len(words) - 7)}

    def words(text: str) -> list[str]:
        return re.findall(r"[^\W_]+", text.casefold())

    article = runs(words(ARTICLE.read_text(encoding="utf-8")))
    shared: list[str] = []
    texts = dict(bodies())
    for session in shipped_sessions:
        body = f" {' '.join(words(texts[session.code]))} "
        # Titles, names and roles are facts; a mark in their place ends a run.
        for speaker in session.speakers:
            body = body.replace(f" {' '.join(words(speaker.name))} ", " | ")
            if speaker.role:
                body = body.replace(f" {' '.join(words(speaker.role))} ", " | ")
        body = body.replace(f" {' '.join(words(session.title))} ", " | ")
        shared += [" ".join(run) for run in sorted(runs(body.split()) & article)]
    assert shared == []
