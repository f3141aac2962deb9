"""What a reranker costs a question: the time of scoring passages, and of encoding them instead.

No weights come with the package, and time does not depend on them: a model of the size of
cross-encoder/ms-marco-MiniLM-L6-v2 (6 layers of 384) is made of random ones, so this says nothing
of quality. A cross-encoder that is named is timed instead.

    python benchmarks/reranking_cost.py [MODEL]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sessionqa.assistant import Assistant, build_index
from sessionqa.encode import model_folder
from sessionqa.rerank import OnnxReranker, export, passage_input
from sessionqa.settings import DEFAULT_MODEL, Settings
from sessionqa.threads import usable_cores

ROOT = Path(__file__).parents[1]
RUNS = 5
QUESTION = "Which disaster recovery strategy did the bank choose?"


def random_cross_encoder(folder: Path) -> str:
    import transformers

    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    encoder = str(model_folder(DEFAULT_MODEL))
    config = transformers.BertConfig.from_pretrained(encoder, num_labels=1)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(encoder).save_pretrained(folder)
    return str(folder)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        settings = Settings(corpus=ROOT / "corpus", index=folder / "index")
        build_index(settings)
        assistant = Assistant.open(settings)
        model = sys.argv[1] if len(sys.argv) > 1 else random_cross_encoder(folder / "model")
        # Not by `exported`, which would keep it in the user's cache.
        (folder / "reranker").mkdir()
        export(model, folder / "reranker")
        reranker = OnnxReranker(folder / "reranker")
        hits = assistant.search(QUESTION, k=100)
        texts = [passage_input(hit.passage) for hit in hits]
        print(f"{usable_cores()} cores, medians of {RUNS} pairs after a warm-up")
        print("passages  reranked  encoded  ratio")
        for count in (10, 20, 50):
            some = texts[:count]
            pairs = [
                (
                    seconds(partial(reranker.scores, QUESTION, some)),
                    seconds(partial(assistant.encoder.encode_passages, some)),
                )
                for _ in range(RUNS + 1)
            ][1:]
            reranked, encoded = (statistics.median(times) for times in zip(*pairs, strict=True))
            ratio = statistics.median(a / b for a, b in pairs)
            print(f"{count:8}{reranked:8.2f} s{encoded:7.2f} s{ratio:7.2f}")


if __name__ == "__main__":
    main()
