"""sessionqa's encoder in the place of sentence-transformers, and FAISS: its dense arm alone."""

import json
from pathlib import Path

import faiss

from command_line import Document, Search, documents, run
from sessionqa.encode import OnnxEncoder, exported
from sessionqa.settings import DEFAULT_MODEL


def index(corpus: Path, store: Path) -> None:
    read = documents(corpus)
    encoder = OnnxEncoder(exported(DEFAULT_MODEL, store))
    flat = faiss.IndexFlatIP(encoder.dim)
    flat.add(encoder.encode_passages([document.text for document in read]))
    faiss.write_index(flat, str(store / "vectors.faiss"))
    (store / "documents.json").write_text(json.dumps(read), encoding="utf-8")


def opened(store: Path, k: int) -> Search:
    (card,) = store.glob("*/encoder.json")
    encoder = OnnxEncoder(card.parent)
    flat = faiss.read_index(str(store / "vectors.faiss"))
    read = [Document(*pair) for pair in json.loads((store / "documents.json").read_text("utf-8"))]

    def search(question: str) -> list[Document]:
        _, (rows,) = flat.search(encoder.encode_question(question)[None], k)
        return [read[row] for row in rows]

    return search


if __name__ == "__main__":
    run(index, opened)
