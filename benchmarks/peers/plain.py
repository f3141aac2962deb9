"""Plain sentence-transformers and FAISS, as a short tutorial would use them."""

import json
from pathlib import Path

import faiss
from sentence_transformers import SentenceTransformer

from command_line import Document, Search, documents, model_folder, run


def index(corpus: Path, store: Path) -> None:
    read = documents(corpus)
    model = SentenceTransformer(model_folder())
    vectors = model.encode([document.text for document in read], normalize_embeddings=True)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    faiss.write_index(flat, str(store / "vectors.faiss"))
    (store / "documents.json").write_text(json.dumps(read), encoding="utf-8")


def opened(store: Path, k: int) -> Search:
    model = SentenceTransformer(model_folder())
    flat = faiss.read_index(str(store / "vectors.faiss"))
    read = [Document(*pair) for pair in json.loads((store / "documents.json").read_text("utf-8"))]

    def search(question: str) -> list[Document]:
        _, (rows,) = flat.search(model.encode([question], normalize_embeddings=True), k)
        return [read[row] for row in rows]

    return search


if __name__ == "__main__":
    run(index, opened)
