"""LangChain: HuggingFaceEmbeddings in a FAISS vector store."""

from pathlib import Path

from langchain_community.vectorstores import FAISS
from langchain_core.documents import Document as Page
from langchain_huggingface import HuggingFaceEmbeddings

from command_line import Document, Search, documents, model_folder, run


def embeddings() -> HuggingFaceEmbeddings:
    return HuggingFaceEmbeddings(model_name=model_folder())


def index(corpus: Path, store: Path) -> None:
    pages = [Page(page_content=text, metadata={"id": id_}) for id_, text in documents(corpus)]
    FAISS.from_documents(pages, embeddings()).save_local(str(store))


def opened(store: Path, k: int) -> Search:
    # The store is the one that `index` wrote: its pickle is ours.
    vectors = FAISS.load_local(str(store), embeddings(), allow_dangerous_deserialization=True)

    def search(question: str) -> list[Document]:
        hits = vectors.similarity_search(question, k=k)
        return [Document(hit.metadata["id"], hit.page_content) for hit in hits]

    return search


if __name__ == "__main__":
    run(index, opened)
