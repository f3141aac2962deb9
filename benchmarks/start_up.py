"""Whole-process time of one question: sessionqa against plain sentence-transformers + FAISS.

Both read the same weights; the plain script embeds the shipped corpus's paragraphs beforehand and
keeps them in a FAISS file, as a short tutorial would. Runs alternate; prints medians and the median
of the ratios pair by pair.

    python benchmarks/start_up.py
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sessionqa.assistant import build_index
from sessionqa.corpus import read_corpus
from sessionqa.encode import model_folder
from sessionqa.settings import DEFAULT_MODEL, Settings

ROOT = Path(__file__).parents[1]
RUNS = 7
QUESTION = "Which disaster recovery strategy did the bank choose?"
PLAIN = """
import json, sys
import faiss
from sentence_transformers import SentenceTransformer
model_folder, store, question = sys.argv[1:]
model = SentenceTransformer(model_folder)
texts = json.load(open(store + ".json"))
if not question:
    index = faiss.IndexFlatIP(384)
    index.add(model.encode(texts, normalize_embeddings=True))
    faiss.write_index(index, store + ".faiss")
else:
    index = faiss.read_index(store + ".faiss")
    scores, rows = index.search(model.encode([question], normalize_embeddings=True), 5)
    for score, row in zip(scores[0], rows[0]):
        print(round(float(score), 3), texts[row])
"""


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    import json

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(corpus=ROOT / "corpus", index=Path(folder) / "index")
        build_index(settings)
        store = Path(folder) / "plain"
        texts = [p for s in read_corpus(settings.corpus) for p in s.text.split("\n\n")]
        store.with_suffix(".json").write_text(json.dumps(texts))
        plain = [sys.executable, "-c", PLAIN, str(model_folder(DEFAULT_MODEL)), str(store)]
        subprocess.run([*plain, ""], check=True, capture_output=True)
        place = ["--corpus", str(settings.corpus), "--index", str(settings.index)]
        ours = [sys.executable, "-m", "sessionqa", "ask", QUESTION, *place]
        pairs = [(seconds(ours), seconds([*plain, QUESTION])) for _ in range(RUNS + 1)][1:]
    print(f"{RUNS} pairs after a warm-up, medians")
    print(f"sessionqa ask                      {statistics.median(a for a, _ in pairs):6.2f} s")
    print(f"sentence-transformers + FAISS      {statistics.median(b for _, b in pairs):6.2f} s")
    print(f"ratio                              {statistics.median(a / b for a, b in pairs):6.3f}")


if __name__ == "__main__":
    main()
