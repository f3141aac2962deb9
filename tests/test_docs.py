"""The documentation says nothing that is not there: commands, options, targets, links."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from sessionqa import Assistant
from sessionqa.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

# A command starts a line, or follows a prompt, an operator, an assignment or a folder.
STARTS = r"(?:^|&&|;|\||\$ |\bpython3? -m |/)\s*(?:\w+=\S+\s+)*"
PARSER = MarkdownIt("commonmark").enable("table")


def code_lines(markdown: str) -> Iterator[str]:
    """Each line of each code block, those that end in a backslash joined."""
    for token in PARSER.parse(markdown):
        if token.type in {"fence", "code_block"}:
            yield from token.content.replace("\\\n", " ").splitlines()


def commands(markdown: str) -> list[tuple[str, set[str]]]:
    """Each `sessionqa COMMAND` of the code blocks, with the options it is given."""
    found = []
    for line in code_lines(markdown):
        for match in re.finditer(STARTS + r"sessionqa\s+([a-z][a-z-]*)([^|;&#]*)", line):
            outside = re.sub(r"\"[^\"]*\"|'[^']*'", "", match[2])
            found.append((match[1], set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", outside))))
    return found


def targets(markdown: str) -> list[str]:
    """Each `make TARGET` of the code blocks."""
    return [
        match[1]
        for line in code_lines(markdown)
        for match in re.finditer(STARTS + r"make\s+([a-z][a-z-]*)", line)
    ]


def links(markdown: str) -> list[str]:
    """The target of each link and image that is relative, without its anchor."""
    inline = [token for token in PARSER.parse(markdown) if token.type == "inline"]
    hrefs = [
        str(child.attrs.get("href") or child.attrs.get("src") or "")
        for token in inline
        for child in token.children or []
    ]
    hrefs += re.findall(r"<(?:img|a)\b[^>]*?(?:src|href)=\"([^\"]+)\"", markdown)
    relative = (href.partition("#")[0] for href in hrefs if not re.match(r"[a-z]+:|//", href))
    return [href for href in relative if href]


def makefile_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


def help_of(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main([*args, "--help"])
    assert stop.value.code == 0, args
    return capsys.readouterr().out


# --- the readers of Markdown themselves


def test_commands_are_found_with_their_options() -> None:
    markdown = """
```console
$ sessionqa ask "What is --this?" -k 3 --json | head --lines 1
X=1 .venv/bin/sessionqa doctor && python -m sessionqa eval \\
    gold.jsonl --split dev
pip install sessionqa
sessionqa: there is no index
```
Text: sessionqa frobnicate

    make test && make check  # make no-such
"""
    assert commands(markdown) == [
        ("ask", {"-k", "--json"}),
        ("doctor", set()),
        ("eval", {"--split"}),
    ]
    assert targets(markdown) == ["test", "check"]


def test_links_are_found_without_those_to_elsewhere() -> None:
    markdown = (
        "[a](docs/a.md#part) [b](https://x.org/b.md) [c](#part) ![d](d.png) [m](mailto:x@y.z)\n"
        '`[no](no.md)` [ref][r]\n\n<img src="e.png">\n\n[r]: f.md\n'
    )
    assert sorted(links(markdown)) == ["d.png", "docs/a.md", "e.png", "f.md"]


# --- what the pages say


def test_every_command_of_the_readme_exists_with_its_options(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = commands(README)
    assert found, "the README shows no command"
    for command, options in found:
        known = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", help_of(capsys, command)))
        assert options <= known, f"sessionqa {command}: {options - known}"


def test_every_command_is_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    existing = re.findall(r"^    ([a-z]+)  ", help_of(capsys), re.MULTILINE)
    assert len(existing) >= 7
    assert [name for name in existing if not re.search(rf"sessionqa {name}\b", README)] == []


def test_every_make_target_exists() -> None:
    existing = makefile_targets()
    assert {"help", "chat", "ask", "index", "test", "eval", "check"} <= existing
    for page in (README, (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        assert set(targets(page)) <= existing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.strip()
    assert [link for link in links(text) if not (page.parent / link).exists()] == []


# --- what no committed file says

# Spelt in parts, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a folder of one machine": r"(?<![\w./}-])/(?:" + "|".join(["work", "root"]) + ")/",
    "a home folder": r"(?<![\w./}-])/(?:" + "home|Users" + r")/(?!you\b|me\b|user\b|runner\b)\w+/",
    "a registry": r"pypi\.org"
    + "/simple|files.python"
    + r"hosted|index[-_]"
    + r"url\s*=|PIP_"
    + "INDEX",
}


def committed() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of committed files")
    listed = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.split("\0") if (path := ROOT / name).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_committed_file_names_it(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in committed()
        if b"\0" not in (content := path.read_bytes())
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1)
        if re.search(FORBIDDEN[what], line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a folder of one machine", "cd /" + "work/main"),
        ("a folder of one machine", "'/" + "root/.cache'"),
        ("a home folder", "/" + "home/jane/talks"),
        ("a registry", "https://pypi" + ".org/simple"),
        ("a registry", "extra-index-" + "url = x"),
    ],
)
def test_the_search_would_find_it(what: str, text: str) -> None:
    assert re.search(FORBIDDEN[what], text)
    assert not re.search(FORBIDDEN[what], "https://example.org/" + "work/x and network/root/x")


def test_the_answer_that_the_readme_shows_is_the_answer(assistant: Assistant) -> None:
    shown = (ROOT / "README.md").read_text(encoding="utf-8")
    question = "Which disaster recovery strategy did the bank choose?"
    assert f'sessionqa ask "{question}"' in shown
    answer = " ".join(assistant.ask(question).text.split())
    assert answer in " ".join(shown.split())
