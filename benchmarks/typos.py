"""What mending misspelt words is worth, on the dev questions with one slip in each.

In each question one word of five letters or more that says what it is about gets one random edit:
a letter too many, one missing, another one, or two swapped.

    python benchmarks/typos.py
"""

import random
import re
import tempfile
from pathlib import Path

from sessionqa import terms
from sessionqa.assistant import Assistant, build_index
from sessionqa.datatypes import Hit
from sessionqa.gold import read_gold_set
from sessionqa.settings import Settings

ROOT = Path(__file__).parents[1]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ROUNDS = 5
LEAST_LETTERS = 5
DEPTH = 50


def with_slip(question: str, draw: random.Random) -> tuple[str, str] | None:
    """A word of `question`, and `question` with a slip in it; None if no word is long enough."""
    asked = [word for word in terms.content_words(question) if word.isalpha()]
    long = [word for word in asked if len(word) >= LEAST_LETTERS]
    if not long:
        return None
    word = draw.choice(long)
    return word, re.sub(rf"\b{word}\b", edited(word, draw), question, count=1)


def edited(word: str, draw: random.Random) -> str:
    at = draw.randrange(len(word) - 1)
    letter = draw.choice(LETTERS.replace(word[at].casefold(), ""))
    return draw.choice(
        [
            word[:at] + letter + word[at:],
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        ]
    )


def rank(hits: list[Hit], sessions: tuple[str, ...]) -> int:
    """The rank of the first right session among those of `hits`; 0 if there is none."""
    ranked = dict.fromkeys(hit.passage.session_code for hit in hits)
    return next((at for at, code in enumerate(ranked, 1) if code in sessions), 0)


def row(label: str, ranks: list[int]) -> None:
    shares = [sum(0 < rank <= k for rank in ranks) / len(ranks) for k in (1, 5)]
    print(f"{label:34}{len(ranks):6}{shares[0]:9.3f}{shares[1]:9.3f}")


def main() -> None:
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(corpus=ROOT / "corpus", index=Path(folder) / "index")
        build_index(settings)
        assistant = Assistant.open(settings)
        gold = [
            question
            for question in read_gold_set(ROOT / "corpus" / "gold.jsonl", "dev").questions
            if not question.refuse and not question.history and question.kind != "list"
        ]
        ranks: dict[str, list[int]] = {"as asked": [], "one slip, as it is": [], "mended": []}
        right: list[bool] = []
        for question in gold:
            ranks["as asked"].append(
                rank(assistant.search(question.question, DEPTH), question.sessions)
            )
        for question in gold * ROUNDS:
            if made := with_slip(question.question, draw):
                word, slipped = made
                unmended = assistant.retrieve(slipped, DEPTH)
                ranks["one slip, as it is"].append(rank(unmended, question.sessions))
                ranks["mended"].append(rank(assistant.search(slipped, DEPTH), question.sessions))
                if assistant.index.sentence_counts([terms.stem(word)]):
                    meant = assistant.standalone(question.question).casefold()
                    right.append(assistant.standalone(slipped).casefold() == meant)
        print(f"{'':34}{'n':>6}{'hit@1':>9}{'hit@5':>9}")
        for label, found in ranks.items():
            row(label, found)
        share = sum(right) / len(right)
        print(f"of {len(right)} slips in words that the corpus has, read as meant: {share:.3f}")


if __name__ == "__main__":
    main()
