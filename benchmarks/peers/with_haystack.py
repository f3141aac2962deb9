"""Haystack: embedders by sentence-transformers and an in-memory store that is kept as JSON."""

from pathlib import Path

from haystack import Document as Page
from haystack import Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)

from command_line import Document, Search, documents, model_folder, run

STORE = "documents.json"


def index(corpus: Path, store: Path) -> None:
    pages = [Page(id=id_, content=text) for id_, text in documents(corpus)]
    embedder = SentenceTransformersDocumentEmbedder(model=model_folder())
    embedder.warm_up()
    kept = InMemoryDocumentStore(embedding_similarity_function="cosine")
    kept.write_documents(embedder.run(documents=pages)["documents"])
    kept.save_to_disk(str(store / STORE))


def opened(store: Path, k: int) -> Search:
    kept = InMemoryDocumentStore.load_from_disk(str(store / STORE))
    pipeline = Pipeline()
    pipeline.add_component("embedder", SentenceTransformersTextEmbedder(model=model_folder()))
    pipeline.add_component("retriever", InMemoryEmbeddingRetriever(kept, top_k=k))
    pipeline.connect("embedder.embedding", "retriever.query_embedding")

    def search(question: str) -> list[Document]:
        found = pipeline.run({"embedder": {"text": question}})["retriever"]["documents"]
        return [Document(page.id, page.content) for page in found]

    return search


if __name__ == "__main__":
    run(index, opened)
