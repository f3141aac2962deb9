"""sessionqa itself: `sessionqa ask`, with the corpus and its index in the store.

It searches both ways and quotes an answer; `retrieval` is the search without the answer. A corpus
of its own, of a file for each session, is read as `sessionqa index` does; the documents of a folder
in BEIR's form get one vector each, as in the other systems, and one for every sentence besides.
"""

import shutil
import sys
from pathlib import Path

from command_line import Document, Search, run


def index(corpus: Path, store: Path) -> None:
    from sessionqa.assistant import build_index
    from sessionqa.gold import read_gold_set
    from sessionqa.settings import Settings

    own, place = store / "corpus", store / "index"
    shutil.copytree(corpus, own, dirs_exist_ok=True)
    if (own / "corpus.jsonl").exists():
        settings = Settings(corpus=own, index=place, chunking="document")
        build_index(settings, sessions=read_gold_set(own).sessions)
    else:
        build_index(Settings(corpus=own, index=place))


def ask(store: Path, question: str) -> int:
    from sessionqa.cli import main

    place = ["--corpus", str(store / "corpus"), "--index", str(store / "index")]
    return main(["ask", question, *place])


def opened(store: Path, k: int) -> Search:
    from sessionqa import Assistant, Settings

    assistant = Assistant.open(Settings(corpus=store / "corpus", index=store / "index"))

    def search(question: str) -> list[Document]:
        hits = assistant.ask(question, k).hits
        return [Document(hit.passage.session_code, hit.passage.text) for hit in hits]

    return search


def retrieval(store: Path, k: int) -> Search:
    from sessionqa import Assistant, Settings

    assistant = Assistant.open(Settings(corpus=store / "corpus", index=store / "index"))

    def search(question: str) -> list[Document]:
        hits = assistant.search(question, k)
        return [Document(hit.passage.session_code, hit.passage.text) for hit in hits]

    return search


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ask", store, question]:
            sys.exit(ask(Path(store), question))
        case _:
            run(index, opened, retrieval=retrieval)
