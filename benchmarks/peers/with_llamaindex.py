"""LlamaIndex: a VectorStoreIndex over a FAISS store; each document is one node."""

from pathlib import Path

import faiss
from llama_index.core import StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.schema import TextNode
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.faiss import FaissVectorStore

from command_line import Document, Search, documents, model_folder, run

DIM = 384


def index(corpus: Path, store: Path) -> None:
    nodes = [TextNode(id_=id_, text=text) for id_, text in documents(corpus)]
    vectors = FaissVectorStore(faiss_index=faiss.IndexFlatL2(DIM))
    context = StorageContext.from_defaults(vector_store=vectors)
    model = HuggingFaceEmbedding(model_name=model_folder())
    VectorStoreIndex(nodes, storage_context=context, embed_model=model)
    context.persist(persist_dir=str(store))


def opened(store: Path, k: int) -> Search:
    vectors = FaissVectorStore.from_persist_dir(str(store))
    context = StorageContext.from_defaults(vector_store=vectors, persist_dir=str(store))
    model = HuggingFaceEmbedding(model_name=model_folder())
    retriever = load_index_from_storage(context, embed_model=model).as_retriever(similarity_top_k=k)

    def search(question: str) -> list[Document]:
        hits = retriever.retrieve(question)
        return [Document(hit.node.node_id, hit.node.get_content()) for hit in hits]

    return search


if __name__ == "__main__":
    run(index, opened)
