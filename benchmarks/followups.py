"""Whether follow-ups are understood, and questions that stand alone are left alone.

Each dev question of another kind is asked after another dev question, drawn at random: it must be
read as without. SQuAD's questions, written about a paragraph, are looked at as well where they are
there: those said to lean on something are mostly those that name nothing ("When did he die?").

    python benchmarks/followups.py [dev-v1.1.json]
"""

import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sessionqa import followup
from sessionqa.assistant import Assistant, build_index
from sessionqa.datatypes import Answer
from sessionqa.gold import GoldQuestion, read_gold_set
from sessionqa.settings import Settings

ROOT = Path(__file__).parents[1]
ROUNDS = 5
SHOWN = 10


def changed(assistant: Assistant, alone: Sequence[str]) -> list[tuple[str, str]]:
    """The questions that an unrelated one before them changes, and what they become."""
    draw = random.Random(0)
    found = []
    for question in list(alone) * ROUNDS:
        earlier = draw.choice([other for other in alone if other != question])
        read = assistant.standalone(question, [earlier])
        if read != assistant.standalone(question):
            found.append((question, read))
    return found


def first(assistant: Assistant, question: str) -> str:
    """The session that comes first for a question as it is; empty if nothing is found."""
    return next((hit.passage.session_code for hit in assistant.retrieve(question, 5)), "")


def states(answer: Answer, gold: GoldQuestion) -> bool:
    """Whether every fact is in the answer."""
    text = answer.text.casefold()
    return all(any(fact.casefold() in text for fact in group) for group in gold.answer_any)


def row(label: str, values: Sequence[bool]) -> None:
    print(f"{label:44}{len(values):6}{sum(values) / len(values):9.3f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(corpus=ROOT / "corpus", index=Path(folder) / "index")
        build_index(settings)
        assistant = Assistant.open(settings)
        gold = read_gold_set(ROOT / "corpus" / "gold.jsonl", "dev").questions
        follow = [q for q in gold if q.history]
        right = [q for q in follow if not q.refuse]
        answers = {q.id: assistant.ask(q.question, history=q.history) for q in follow}
        print(f"{'':44}{'n':>6}{'share':>9}")
        row(
            "its session first, as asked",
            [first(assistant, q.question) in q.sessions for q in right],
        )
        clear = {q.id: answers[q.id].standalone_question for q in right}
        row(
            "its session first, as understood",
            [first(assistant, clear[q.id]) in q.sessions for q in right],
        )
        row("all its facts stated", [states(answers[q.id], q) for q in right])
        row("refused where it must be", [answers[q.id].refused for q in follow if q.refuse])
        alone = [q.question for q in gold if not q.history]
        found = changed(assistant, alone)
        label = "standing alone, changed by what came before"
        print(f"{label:44}{len(alone) * ROUNDS:6}{len(found) / len(alone) / ROUNDS:9.3f}")
        for question, read in found[:SHOWN]:
            print(f"    {question} -> {read}")
    if len(sys.argv) > 1:
        squad = [q.question for q in read_gold_set(Path(sys.argv[1])).questions]
        row("SQuAD, said to lean on something", [followup.leans(question) for question in squad])


if __name__ == "__main__":
    main()
