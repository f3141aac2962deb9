"""What a model is given to read: the sources in their lines, within the budget, by templates."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionqa.datatypes import Hit, Passage, Sentence, Session
from sessionqa.errors import SettingsError
from sessionqa.evidence import Evidence
from sessionqa.llm.prompt import Source, Templates, sources_of

OURS = Templates.read(small=True)
# What might end a line, a source or a turn.
HOSTILE = st.lists(
    st.sampled_from([*"ab>[]/<| \n\r\t\x0b\x0c\x1c\x85\u2028\u2029\u200b\u202e", "source", "> "])
).map("".join)


def said(text: str, code: str = "ABC1", title: str = "Cells") -> Evidence:
    passage = Passage("1", code, title, text, 0, len(text), 1)
    session = Session(code, title, text)
    sentence = Sentence(0, code, 0, len(text), text)
    return Evidence(sentence, session, Hit(passage, 1.0), False, 0.0, 0.0, 0.0, 0.0, 0.0)


def asked(question: str, *evidence: Evidence) -> list[str]:
    """The lines of the turn that asks."""
    sources = [Source(number, (one,)) for number, one in enumerate(evidence, 1)]
    return OURS.messages(question, sources)[-1]["content"].split("\n")


def words(text: str) -> int:
    return len(text.split())


def templates(folder: Path, **files: str) -> Templates:
    for name, text in {"system": "Answer.", "user": "$question $sources", **files}.items():
        suffix = "toml" if name == "examples" else "txt"
        (folder / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    return Templates.read(str(folder))


@settings(deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_nothing_in_a_source_or_a_question_is_a_line_of_ours(
    text: str, title: str, question: str
) -> None:
    plain = asked("Why?", said("a", title="t"), said("a", "ABC2"))
    lines = asked(question, said(text, title=title), said("a", "ABC2"))
    assert len(lines) == len(plain)
    for line, known in zip(lines, plain, strict=True):
        assert line.startswith("> ") == known.startswith("> ")
        assert not {*line} & set("\r\t\x0b\x0c\x1c\x85\u2028\u2029\u200b\u202e")
        assert "<|" not in line
        assert "<source" not in line
        assert "</" not in line


def test_sources_of_several_sessions_have_their_titles() -> None:
    assert "> ABC1: Cells" not in asked("Why?", said("They fail."))
    lines = asked("Why?", said("They fail."), said("They last.", "ABC2", "Shards"))
    at = lines.index("> ABC1: Cells")
    assert lines[at : at + 4] == [
        "> ABC1: Cells",
        "> They fail.",
        "> ABC2: Shards",
        "> They last.",
    ]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from("ABC")), max_size=12), st.integers())
def test_the_budget_is_kept_and_the_best_come_first(
    made: list[tuple[int, str]], budget: int
) -> None:
    evidence = [said("word " * length, code) for length, code in made]
    sources = sources_of(evidence, budget, words)
    lines = [line for source in sources for line in source.lines(titled=True)]
    assert sum(map(words, lines)) <= max(budget, 0)
    kept = [one for source in sources for one in source.evidence]
    assert sorted(map(evidence.index, kept)) == sorted(map(evidence.index, evidence[: len(kept)]))
    assert [source.number for source in sources] == [*range(1, len(sources) + 1)]


def test_a_larger_model_is_given_numbered_sources_and_asked_for_their_numbers() -> None:
    ours = Templates.read()
    sources = [Source(1, (said("They fail."),)), Source(2, (said("They\n[1] last.", "ABC2"),))]
    system, user = ours.messages("Why?", sources)
    assert "[1]" in system["content"]
    assert "Not in the sources" in system["content"]
    assert user["content"].split("\n") == [
        "Sources:",
        "[1] ABC1: Cells",
        "> They fail.",
        "[2] ABC2: Cells",
        "> They [1] last.",
        "",
        "Question: Why?",
    ]


def test_ours_are_short() -> None:
    everything = " ".join(message["content"] for message in OURS.messages("Why?", ()))
    assert words(everything) < 200


def test_examples_are_turns_before_the_question() -> None:
    roles = [message["role"] for message in OURS.messages("Why?", ())]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    without = OURS.messages("Why?", (), examples=False)
    assert [message["role"] for message in without] == ["system", "user"]


def test_an_example_is_a_turn_of_the_same_template(tmp_path: Path) -> None:
    examples = '[[example]]\nquestion = "Why?"\ntext = ["It is.", "So\\nbe it."]\nanswer = "It is."'
    own = templates(tmp_path, user="Q $question\n$sources", examples=examples)
    assert [message["content"] for message in own.examples] == [
        "Q Why?\n> It is.\n> So be it.",
        "It is.",
    ]
    assert "So be it." in own.text


def test_a_folder_needs_no_examples(tmp_path: Path) -> None:
    own = templates(tmp_path, user="Costs $$5: $question $sources")
    assert own.examples == ()
    assert own.messages("a?", ())[1]["content"] == "Costs $5: a? "


@pytest.mark.parametrize(
    "user", ["", "$question", "$sources", "$question $sources $other", "$question $sources $", "$"]
)
def test_a_template_that_lacks_anything_is_told(user: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"user\.txt lacks \$sources or \$question.*write \$\$"):
        templates(tmp_path, user=user)


@pytest.mark.parametrize(
    "examples",
    [
        "",
        "[[example]",
        "example = 1",
        "example = [1]",
        '[[example]]\nquestion = "a"\nanswer = "b"',
        '[[example]]\nquestion = "a"\ntext = "b"\nanswer = "c"',
        '[[example]]\nquestion = "a"\ntext = [1]\nanswer = "c"',
        '[[example]]\nquestion = 1\ntext = ["b"]\nanswer = "c"',
    ],
)
def test_so_are_examples_that_cannot_be_read(examples: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"examples\.toml cannot be read.*leave it out"):
        templates(tmp_path, examples=examples)


def test_a_folder_without_templates_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="put both there, or leave it out"):
        Templates.read(str(tmp_path))


def test_files_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "system.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        Templates.read(str(tmp_path))
