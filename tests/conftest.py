"""Small real corpora and their indexes, built once for the whole run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from lite import served

from sessionqa import Assistant, Session, Settings, build_index, card
from sessionqa.answer import ExtractiveAnswerer
from sessionqa.encode import model_folder
from sessionqa.index.build import write_build
from sessionqa.index.local import LocalIndex
from sessionqa.index.publish import only_builder
from sessionqa.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    import transformers

ROOT = Path(__file__).parents[1]

BAKERY = ROOT / "tests" / "corpora" / "bakery"

# The modules whose tests run for each kind of index, but for those that are `of_folders`.
MATRIX = frozenset({"test_cli", "test_eval_command"})
KINDS = ("folder", "milvus")

Write = Callable[..., Path]
NewIndex = Callable[[], Path | str]
Indexed = Callable[[str], subprocess.CompletedProcess[str]]
# Where torch's exporter is not installed, no model can be exported.
NO_EXPORT = """
import sys
sys.modules["onnxscript"] = None
from sessionqa.cli import main
sys.exit(main(["index"]))
"""


@pytest.fixture
def indexed_without_export(tmp_path: Path) -> Indexed:
    """`sessionqa index` with the settings given, in a process that cannot export a model."""

    def run(settings: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "sessionqa.toml").write_text(settings)
        environ = {"SESSIONQA_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        return subprocess.run(
            [sys.executable, "-c", NO_EXPORT],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What the command line and the evaluation promise holds for every kind of index."""
    if "kind_of_index" not in metafunc.fixturenames or hasattr(metafunc.module, "kind_of_index"):
        return
    both = metafunc.module.__name__ in MATRIX
    both = both and not metafunc.definition.get_closest_marker("of_folders")
    # As a parameter everywhere, so that no index of one kind is kept for tests of the other.
    kinds, ids = (KINDS, KINDS) if both else (KINDS[:1], [pytest.HIDDEN_PARAM])
    metafunc.parametrize("kind_of_index", kinds, indirect=True, ids=ids, scope="session")


@pytest.fixture(scope="session")
def kind_of_index(request: pytest.FixtureRequest) -> str:
    """The kind of index that a test is about: one in a folder, unless the matrix says otherwise."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Milvus Lite that is served by a process of its own."""
    with served(tmp_path_factory.mktemp("milvus")) as server:
        yield server.address


@pytest.fixture(scope="session")
def new_index(
    kind_of_index: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> NewIndex:
    """Places for indexes of the kind, where nothing is yet."""
    if kind_of_index == "folder":
        return lambda: tmp_path_factory.mktemp("kept") / "index"
    address = request.getfixturevalue("milvus_server")
    return lambda: f"milvus:{address}/t{uuid4().hex}"


@pytest.fixture(scope="session")
def shipped(new_index: NewIndex) -> Settings:
    """The corpus that the project ships, indexed."""
    settings = Settings(corpus=ROOT / "corpus", index=new_index())
    build_index(settings)
    return settings


@pytest.fixture(scope="session")
def assistant(shipped: Settings) -> Assistant:
    """An assistant over the shipped corpus."""
    return Assistant.open(shipped)


@pytest.fixture(scope="session")
def bakery(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    """An assistant over a conference of bakers: other codes, levels, tracks and events."""
    settings = Settings(corpus=BAKERY, index=tmp_path_factory.mktemp("bakery") / "index")
    build_index(settings)
    return Assistant.open(settings)


@pytest.fixture(scope="session")
def assistant_over(
    assistant: Assistant, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Assistant]:
    """Indexes sessions whose texts are bodies without a card, and opens an assistant over them."""

    def build(sessions: Sequence[Session], **changes: Any) -> Assistant:
        folder = tmp_path_factory.mktemp("sessions")
        settings = Settings(corpus=folder, index=folder / "index", **changes)
        whole = [replace(s, text=card.render(s) + card.CARD_END + s.text) for s in sessions]
        with only_builder(settings.index):
            write_build(settings, whole, {}, assistant.encoder, None, lambda *_: None)
        index = LocalIndex.open(settings.index)
        answerer = ExtractiveAnswerer(index, assistant.encoder)
        return Assistant(index, assistant.encoder, answerer, settings)

    return build


@pytest.fixture
def write_session(tmp_path: Path) -> Write:
    """Writes `tmp_path/corpus/CODE.md`, with any other front matter, and returns its path."""

    def write(code: str, title: str, body: str, **meta: object) -> Path:
        folder = tmp_path / "corpus"
        folder.mkdir(exist_ok=True)
        lines = [f"{name}: {value}" for name, value in meta.items()]
        text = "\n".join(["---", f"code: {code}", f"title: {title}", *lines, "---", "", body, ""])
        path = folder / f"{code}.md"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def garden(
    tmp_path: Path, write_session: Write, kind_of_index: str, new_index: NewIndex
) -> Settings:
    """Two sessions on another subject, in several scripts; not indexed yet."""
    write_session(
        "GAR101",
        "Composting on a balcony",
        "Zoë Ångström keeps a worm bin of forty litres on her balcony. Worms eat kitchen scraps "
        "within six weeks. She never adds citrus peel, since the acid harms the worms. "
        "堆肥 is the Chinese word for compost.",
        event="Garden Days",
        year=2024,
        track="GAR",
        level=100,
        speakers="[{name: Zoë Ångström, role: head gardener}]",
    )
    write_session(
        "GAR202",
        "Tea from your own garden",
        "Tea is brewed at eighty degrees. Mint and lemon balm grow in any pot. 🙂 Harvest leaves "
        "in the morning, because their oils fade in the heat.",
        speakers="[{name: Bo Leaf}]",
    )
    index = tmp_path / "index" if kind_of_index == "folder" else new_index()
    return Settings(corpus=tmp_path / "corpus", index=index)


@pytest.fixture(scope="session")
def garden_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the index of the garden corpus is kept to be copied."""
    return tmp_path_factory.mktemp("garden") / "index"


@pytest.fixture
def planted(garden: Settings, garden_index: Path) -> Settings:
    """The garden corpus, indexed."""
    if garden.milvus:
        build_index(garden)
        return garden
    if not garden_index.exists():
        build_index(garden.with_(index=garden_index))
    shutil.copytree(garden_index, garden.index)
    return garden


@pytest.fixture(scope="session")
def small_bert() -> Callable[..., "transformers.BertConfig"]:
    """Makes the smallest BERT that is still one: of 32 dimensions, reading 64 word pieces."""
    from transformers import BertConfig

    return partial(
        BertConfig,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.5,
    )


@pytest.fixture(scope="session")
def tiny(
    tmp_path_factory: pytest.TempPathFactory,
    small_bert: Callable[..., "transformers.BertConfig"],
) -> Path:
    """A model of another make: CLS pooling, 32 dimensions, 48 word pieces, prompts, cased."""
    import sentence_transformers
    import torch
    import transformers
    from sentence_transformers.models import Pooling, Transformer

    folder = tmp_path_factory.mktemp("tiny")
    pieces = [*"[PAD] [UNK] [CLS] [SEP] [MASK] worm ##s tea compost eat mint".split()]
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;?!-#()'"
    pieces += [*letters, *(f"##{letter}" for letter in letters)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    torch.manual_seed(7)
    config = small_bert(vocab_size=len(pieces))
    transformers.BertModel(config).save_pretrained(folder / "bert")
    tokenizer = transformers.BertTokenizer(vocab=vocabulary, do_lower_case=False)
    tokenizer.save_pretrained(folder / "bert")
    reader = Transformer(str(folder / "bert"), max_seq_length=48)
    model = sentence_transformers.SentenceTransformer(
        modules=[reader, Pooling(32, pooling_mode="cls")],
        prompts={"query": "ask: ", "document": "tell: "},
        device="cpu",
    )
    model.save(str(folder / "model"))
    return folder / "model"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Exports of the test are not kept in the user's own cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def cross_encoder(
    tmp_path_factory: pytest.TempPathFactory,
    small_bert: Callable[..., "transformers.BertConfig"],
) -> Path:
    """A tiny cross-encoder of random but fixed weights, which reads 64 word pieces."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("cross") / "encoder"
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder(DEFAULT_MODEL))
    torch.manual_seed(5)
    config = small_bert(vocab_size=len(tokenizer), num_labels=1)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def reranker_shelf(cross_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the export of `cross_encoder` is kept to be copied; the user's cache is left alone."""
    from sessionqa import rerank

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        shelf = tmp_path_factory.mktemp("reranker")
        rerank.exported(str(cross_encoder), shelf)
    return shelf


@pytest.fixture
def reranking(planted: Settings, cross_encoder: Path, reranker_shelf: Path) -> Settings:
    """The garden corpus, indexed, with a reranker."""
    shutil.copytree(reranker_shelf, planted.index / "reranker")
    return planted.with_(reranker=str(cross_encoder))
