"""txtai: an embeddings database that keeps the texts."""

from pathlib import Path

from txtai import Embeddings

from command_line import Document, Search, documents, model_folder, run


def index(corpus: Path, store: Path) -> None:
    embeddings = Embeddings(path=model_folder(), content=True)
    embeddings.index(documents(corpus))
    embeddings.save(str(store))


def opened(store: Path, k: int) -> Search:
    embeddings = Embeddings()
    embeddings.load(str(store))

    def search(question: str) -> list[Document]:
        return [Document(hit["id"], hit["text"]) for hit in embeddings.search(question, k)]

    return search


if __name__ == "__main__":
    run(index, opened)
