"""Answers that a language model writes: how many are its own, and what they say of the gold facts.

The gold questions of a split that the model is asked, each of them answered by quotes as well. No
lists, and none that are refused: for those no model is asked.

    python benchmarks/llm.py [--llm smollm2] [--gold corpus/gold.jsonl --split dev]
        [--questions N] [--index DIR] [--threads 1] [--list N]
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from sessionqa import evaluate
from sessionqa.assistant import Assistant, build_index
from sessionqa.datatypes import Answer
from sessionqa.errors import SessionQAError
from sessionqa.evidence import Examiner
from sessionqa.gold import GoldQuestion, read_gold_set
from sessionqa.llm import LLM, Message
from sessionqa.llm.attribution import Attribution
from sessionqa.llm.prompt import Source
from sessionqa.llm.writer import Writer
from sessionqa.question import read
from sessionqa.settings import Settings
from sessionqa.terminal import Progress, positive

ROOT = Path(__file__).parents[1]


@dataclass(slots=True)
class Watched:
    """A model whose prompts and replies are noted."""

    llm: LLM
    asked: list[int] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.llm.name

    @property
    def context_tokens(self) -> int:
        return self.llm.context_tokens

    @property
    def prompt_tokens(self) -> int:
        return self.llm.prompt_tokens

    def count_tokens(self, text: str) -> int:
        return self.llm.count_tokens(text)

    def stream(self, messages: Sequence[Message], most: int) -> Generator[str]:
        """See LLM."""
        self.asked.append(sum(self.count_tokens(message["content"]) for message in messages))
        self.replies.append("")
        pieces = self.llm.stream(messages, most)
        try:
            for piece in pieces:
                self.replies[-1] += piece
                yield piece
        finally:
            pieces.close()


@dataclass(frozen=True, slots=True)
class Written:
    """What was said to one question, by quotes and by a model, and what the model read."""

    gold: GoldQuestion
    quoted: Answer
    written: Answer
    prompt_tokens: tuple[int, ...]
    replies: tuple[str, ...]


def asked(
    assistant: Assistant, questions: Sequence[GoldQuestion]
) -> Iterator[tuple[GoldQuestion, Answer]]:
    """The questions that a model is asked, with their quotes."""
    for gold in questions:
        quoted = assistant.ask(gold.question, history=gold.history, quoted=True)
        of = read(quoted.standalone_question)
        if not (quoted.refused or of.sessions or of.collection):
            yield gold, quoted


def write(writer: Writer, watched: Watched, gold: GoldQuestion, quoted: Answer) -> Written:
    del watched.asked[:], watched.replies[:]
    *_, written = writer.write(quoted)
    return Written(gold, quoted, written, tuple(watched.asked), tuple(watched.replies))


def attribution_ms(assistant: Assistant, done: Sequence[Written]) -> list[float]:
    """How long each of the sentences that were quoted takes to be tied to its own evidence."""
    examiner = Examiner(assistant.index, assistant.encoder)
    times = []
    for one in done:
        evidence = examiner.examine(one.quoted.standalone_question, one.quoted.hits)
        attribution = Attribution([Source(n, (e,)) for n, e in enumerate(evidence[:20], 1)])
        for reply in filter(None, one.replies):
            started = time.perf_counter()
            attribution.support(reply.partition("\n")[0])
            times.append(1000 * (time.perf_counter() - started))
    return times


def table(assistant: Assistant, done: Sequence[Written]) -> str:
    """What was measured, a line for each."""
    facts = [one for one in done if one.gold.answer_any]
    writings = [one.written.writing for one in done if one.written.writing]
    first = [writing.first_ms for writing in writings]
    going_on = sum(writing.whole_ms - writing.first_ms for writing in writings) / 1000
    sentences = sum(writing.sentences for writing in writings)
    supported = sum(writing.supported for writing in writings)
    ties = attribution_ms(assistant, done) or [0.0]
    own = [one for one in done if one.written.written]
    alone = sum(not one.written.writing.quotes for one in own if one.written.writing)
    quotes = np.mean([evaluate.nuggets(one.gold, one.quoted) for one in facts])
    model = np.mean([evaluate.nuggets(one.gold, one.written) for one in facts])
    lines = [
        ("questions asked of the model", f"{len(done)}"),
        ("answers of its own", f"{len(own) / len(done):.3f}"),
        ("the same without quotes behind them", f"{alone / len(done):.3f}"),
        (f"facts stated by quotes, of {len(facts)} questions", f"{quotes:.3f}"),
        ("facts stated with the model", f"{model:.3f}"),
        ("its sentences that are supported", f"{supported / max(sentences, 1):.3f}"),
        ("tokens of the first prompt, median", f"{median(d.prompt_tokens[0] for d in done):.0f}"),
        ("tokens of a prompt, most", f"{max(max(d.prompt_tokens) for d in done)}"),
        ("times asked, mean", f"{np.mean([len(d.prompt_tokens) for d in done]):.2f}"),
        ("ms to the first token, p50", f"{np.percentile(first, 50):.0f}"),
        ("ms to the first token, p95", f"{np.percentile(first, 95):.0f}"),
        ("ms to the whole answer, p50", f"{median(one.whole_ms for one in writings):.0f}"),
        ("tokens/s after the first", f"{sum(w.tokens for w in writings) / going_on:.1f}"),
        ("ms to tie a sentence, mean", f"{np.mean(ties):.2f}"),
        ("ms to tie a sentence, most", f"{max(ties):.2f}"),
    ]
    return "\n".join(f"{name:48}{value:>10}" for name, value in lines)


def beside(one: Written) -> str:
    """An answer with what its sentences are tied to, and what the quotes say."""
    lines = [f"Q: {one.written.standalone_question} [{one.gold.id}, {one.gold.kind}]"]
    if one.written.written:
        lines.append(f"written: {one.written.text}")
        lines += [f"    [{c.number}] {c.session_code}: {c.quote}" for c in one.written.citations]
    else:
        lines.append(f"note: {one.written.note}")
        lines += [f"    said: {' / '.join(reply.splitlines())}" for reply in one.replies]
    lost = evaluate.missing_facts(one.gold, one.written)
    gone = [facts for facts in lost if facts not in evaluate.missing_facts(one.gold, one.quoted)]
    return "\n".join([*lines, f"quotes: {one.quoted.text}", *(f"LOST: {f}" for f in gone)])


def measured(arguments: argparse.Namespace, index: Path) -> None:
    settings = Settings(
        corpus=arguments.gold.parent, index=index, llm=arguments.llm, threads=arguments.threads
    )
    progress = Progress()
    build_index(settings, progress)
    assistant = Assistant.open(settings)
    assert assistant.writer
    watched = Watched(assistant.writer.llm)
    writer = Writer(watched, assistant.index, assistant.encoder, settings)
    gold = list(read_gold_set(arguments.gold, arguments.split).questions)
    random.Random(0).shuffle(gold)
    put = list(asked(assistant, gold))[: arguments.questions]
    done = []
    for number, one in enumerate(put, 1):
        done.append(write(writer, watched, *one))
        progress("answers", number, len(put))
    for written in done[: arguments.list]:
        print(f"{beside(written)}\n")
    print(table(assistant, done))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--llm", default="smollm2", metavar="NAME")
    parser.add_argument("--gold", type=Path, default=ROOT / "corpus" / "gold.jsonl")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--questions", type=positive, metavar="N", help="only so many")
    parser.add_argument("--index", type=Path, metavar="DIR", help="keeps the index in this folder")
    parser.add_argument("--threads", type=positive, default=1, metavar="N")
    parser.add_argument("--list", type=int, default=0, metavar="N", help="prints so many answers")
    arguments = parser.parse_args()
    kept = arguments.index
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory() as folder:
        try:
            measured(arguments, Path(folder))
        except SessionQAError as error:
            sys.exit(f"llm.py: {error}")


if __name__ == "__main__":
    main()
