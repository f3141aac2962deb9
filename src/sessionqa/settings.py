"""One frozen Settings, and the only reader of the environment and of sessionqa.toml."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_type_hints

from sessionqa.errors import SettingsError
from sessionqa.threads import usable_cores

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
FILE_NAME = "sessionqa.toml"
FEEDBACK_NAME = "feedback.jsonl"
# What opens a server is not for every process list and log: the environment may name it.
SECRETS = {
    "token": "SESSIONQA_TOKEN",
    "password": "SESSIONQA_PASSWORD",
    "llm_key": "SESSIONQA_LLM_KEY",
    "milvus_token": "SESSIONQA_MILVUS_TOKEN",
}

_PLAIN = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
}

Chunking = Literal["sentences", "document"]
Backend = Literal["onnx", "sentence-transformers"]
Precision = Literal["fp32", "bf16", "int8"]
Fusion = Literal["convex", "rrf"]
Unsupported = Literal["drop", "mark"]
LlmQuery = Literal["off", "standalone", "phrasings", "passage"]
_CHOICES = {
    "backend": get_args(Backend),
    "precision": get_args(Precision),
    "chunking": get_args(Chunking),
    "fusion": get_args(Fusion),
    "llm_unsupported": get_args(Unsupported),
    "llm_query": get_args(LlmQuery),
}
_LEAST = {
    "threads": (1, ", or leave it out for as many as the machine allows"),
    "ray_threads": (1, ""),
    "chunk_tokens": (16, ""),
    "sentence_vectors_up_to": (0, ""),
    "keep_builds": (0, ""),
    "top_k": (1, ""),
    "rerank_top": (1, ""),
    "llm_context": (512, ""),
    "llm_prompt_tokens": (256, ""),
    "llm_answer_tokens": (16, ""),
    "llm_seconds": (1, ""),
    "milvus_seconds": (1, ""),
    "workers": (0, ""),
    "requests_at_once": (1, ""),
    "requests_per_minute": (0, ""),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Every choice a user can make, with its default.

    Paths come from the arguments, else sessionqa.toml, else $SESSIONQA_HOME, else the current
    folder, else the corpus that the package includes with an index in the user's cache folder.
    """

    corpus: Path = Path("corpus")
    index: Path = Path("index")  # or what this machine keeps beside an index in Milvus,
    milvus: str = ""  # whose address was given for `index`: docs/milvus.md
    milvus_token: str = field(default="", repr=False)  # user:password, or a key
    milvus_ca: str = ""  # the certificate that its server's was signed by, where none here knows it
    milvus_seconds: float = 10.0  # that it may take for an answer
    included: bool = False  # the corpus is the package's own: its index may be built unasked
    bundled: bool = False  # the index was unpacked from a bundle: it is never built
    model: str = DEFAULT_MODEL
    backend: Backend = "onnx"
    precision: Precision = "fp32"  # of the encoder's products: docs/decisions/0017
    threads: int = field(default_factory=usable_cores)  # that an encoder or reranker runs on
    chunking: Chunking = "sentences"
    chunk_tokens: int = 160
    chunk_overlap: int = 40
    sentence_vectors_up_to: int = 100_000  # passages: docs/decisions/0019
    ray_threads: int = 1  # of each worker that `sessionqa index --ray` has: docs/ray.md
    keep_builds: int = 2  # earlier ones, beside the live build
    top_k: int = 8
    fusion: Fusion = "convex"
    lexical_weight: float = 0.1  # of the lexical arm in a hit's score: docs/decisions/0012
    late_interaction: bool = True  # sentences and tokens are compared as well: docs/decisions/0012
    reranker: str = ""  # a cross-encoder that orders the best hits; none comes with the package
    rerank_top: int = 50
    refuse_below: float = 0.5
    llm: str = ""  # a language model that writes answers, as KIND:WHERE; none: they are quotes
    llm_key: str = field(default="", repr=False)  # that its server wants
    llm_context: int = 4096  # tokens that it reads and writes at most
    llm_prompt_tokens: int = 1500  # of these, what it is given to read
    llm_answer_tokens: int = 250  # what it may write
    llm_seconds: float = 60.0  # that it may take for one answer
    llm_seed: int = 0
    llm_unsupported: Unsupported = "drop"  # what becomes of sentences that no summary supports
    llm_query: LlmQuery = "off"  # what it makes of a question before the search
    llm_templates: str = ""  # a folder with system.txt and user.txt in place of ours
    feedback: Path = Path(FEEDBACK_NAME)  # what people say of answers: docs/feedback.md
    host: str = "127.0.0.1"
    port: int = 7860
    token: str = field(default="", repr=False)  # what a caller of the server has to show,
    user: str = ""  # or these two: docs/server.md
    password: str = field(default="", repr=False)
    workers: int = field(default_factory=usable_cores)  # processes that answer many at once
    requests_at_once: int = 256  # that the server works on; others are sent away
    requests_per_minute: int = 600  # of one other machine; 0 for as many as it likes
    offline: bool = False  # refuse to call any other machine

    def __post_init__(self) -> None:
        self._resolve_index()
        for name in ("corpus", "index", "feedback"):
            object.__setattr__(self, name, Path(getattr(self, name)))
            _check_path(name, getattr(self, name))
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise SettingsError(
                    f"{name} is {getattr(self, name)!r}: choose one of {', '.join(choices)}"
                )
        if self.llm_query != "off" and not self.llm:
            raise SettingsError(
                f'llm_query is "{self.llm_query}" and llm is empty: name the model for it'
            )
        if not self.model:
            raise SettingsError("model is empty: name a model or a folder")
        if self.precision != "fp32" and self.backend == "sentence-transformers":
            raise SettingsError(
                f'precision is "{self.precision}", which only `backend = "onnx"` has: set that, or '
                '`precision = "fp32"`'
            )
        for name, (least, hint) in _LEAST.items():
            if getattr(self, name) < least:
                raise SettingsError(f"{name} is {getattr(self, name)}: give {least} or more{hint}")
        if not 0 <= self.chunk_overlap < self.chunk_tokens:
            raise SettingsError(
                f"chunk_overlap is {self.chunk_overlap}: give 0 to {self.chunk_tokens - 1}, "
                "less than chunk_tokens"
            )
        for name in ("lexical_weight", "refuse_below"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}: give a share from 0 to 1")
        self._check_secrets()
        if not 0 < self.port < 65536:
            raise SettingsError(f"port is {self.port}: give 1 to 65535")

    def _check_secrets(self) -> None:
        if bool(self.user) != bool(self.password):
            missing = "password" if self.user else "user"
            raise SettingsError(f"{missing} is empty: give both user and password, or a token")
        if ":" in self.user:
            raise SettingsError("user has a colon, which no browser can send: leave it out")
        if not self.token.isascii() or self.token != self.token.strip():
            raise SettingsError("token has more than ASCII, or spaces around it: give another")

    def _resolve_index(self) -> None:
        """Tells an address of Milvus from a folder. Raises SettingsError."""
        given = str(self.index)
        if not is_address(given) and not self.milvus:
            if given.endswith(".db"):
                raise SettingsError(
                    f"{given} is no name for a folder: an index that Milvus Lite keeps there is "
                    f"named milvus:{given}"
                )
            return
        from sessionqa.index.milvus import address

        if is_address(given):
            parsed = address.parse(given)
            object.__setattr__(self, "milvus", str(parsed))
            object.__setattr__(self, "index", address.state_folder(parsed))
        elif address.state_folder(address.parse(self.milvus)) != Path(given):
            object.__setattr__(self, "milvus", "")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **given: Any) -> Self:
        """Settings from sessionqa.toml and the environment, overridden by `given` (None: unset).

        An index that is a file is a bundle, unpacked in the user's cache folder; what it sets wins
        over all but `given`. Raises SettingsError for a file that does not parse, an unknown name
        or a wrong type, and IndexDamaged or WriteError for a bundle.
        """
        environ = os.environ if environ is None else environ
        home = Path(environ["SESSIONQA_HOME"]) if environ.get("SESSIONQA_HOME") else None
        base = home or Path.cwd()
        chosen = {"feedback": base / FEEDBACK_NAME, **read_file(base / FILE_NAME)}
        chosen |= {name: environ[key] for name, key in SECRETS.items() if environ.get(key)}
        for name in given:
            if name not in _names():
                raise SettingsError(f"{name} is not a setting; known: {', '.join(_names())}")
        given = {name: value for name, value in given.items() if value is not None}
        chosen |= given
        if (index := chosen.get("index")) and os.path.isfile(str(index)):
            from sessionqa import unbundle

            given.pop("index", None)
            chosen |= unbundle.opened(Path(index)) | given
        return cls(**{**_places(chosen.get("corpus"), chosen.get("index"), home), **chosen})

    @property
    def place(self) -> str:
        """Where the index is, as --index takes it and messages name it."""
        return self.milvus or str(self.index)

    def with_(self, **changes: Any) -> Self:
        """The same settings but for `changes`."""
        return replace(self, **changes)

    def without_llm(self, **changes: Any) -> Self:
        """The same, with no language model in it."""
        return self.with_(llm="", llm_query="off", **changes)


def _places(corpus: Path | None, index: Path | None, home: Path | None) -> dict[str, Any]:
    """Where corpus and index are, as far as neither argument nor file says so."""
    base = home or Path.cwd()
    here = home or corpus or index or (base / "corpus").is_dir() or (base / "index").is_dir()
    if here:
        return {"corpus": base / "corpus", "index": base / "index"}
    import platformdirs

    cache = platformdirs.user_cache_path("sessionqa") / "index"
    return {"corpus": included_corpus(), "index": cache, "included": True}


def included_corpus() -> Path:
    """The corpus inside the installed package, or the repository's for an editable install."""
    package = Path(__file__).parent
    inside = package / "corpus"
    return inside if inside.is_dir() else package.parents[1] / "corpus"


def parsed(text: str, place: str) -> dict[str, Any]:
    """The settings in `name=value[,name=value]`, as sessionqa.toml writes them; quotes may go.

    Paths count from the current folder. Raises SettingsError, naming `place`.
    """
    chosen = {}
    for part in filter(None, text.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise SettingsError(f"{place}: {part!r} is no setting: write setting=value")
        try:
            chosen[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            chosen[name] = value
    return {name: _checked(Path(place), name, value) for name, value in chosen.items()}


def read_file(path: Path) -> dict[str, Any]:
    """What a sessionqa.toml sets; nothing if it is not there. Raises SettingsError."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}): mend or remove it") from error
    return {name: _checked(path, name, value) for name, value in content.items()}


def why_unusable(path: Path) -> str:
    """Why nothing could ever be found at a path, or why it is closed to us; empty if it is not."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return ""


def _check_path(name: str, path: Path) -> None:
    if why := why_unusable(path):
        raise SettingsError(f"{name} is {str(path)!r}, which is of no use ({why}): give another")


def is_address(place: str) -> bool:
    """Whether the place of an index is no folder's: it begins as an address, or holds one."""
    return place[:7].casefold() == "milvus:" or "://" in place


def _resolved(path: Path, value: str) -> Path | str:
    """A path as the file at `path` writes it; the address of an index is none."""
    if not is_address(value):
        return path.parent / value
    from sessionqa.index.milvus import address

    return str(address.parse(value, path.parent))


def _names() -> list[str]:
    found_out = {"included", "bundled", "milvus"}
    return [field.name for field in fields(Settings) if field.name not in found_out]


def _checked(path: Path, name: str, value: Any) -> Any:
    known = _names()
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(known)}"
        raise SettingsError(f"{path}: {name} is not a setting; {hint}")
    expected = get_type_hints(Settings)[name]
    if expected is Path and isinstance(value, str):
        return _resolved(path, value)
    if choices := get_args(expected):
        if value not in choices:
            raise SettingsError(f"{path}: {name} is {value!r}: choose one of {', '.join(choices)}")
        return value
    allowed = (int, float) if expected is float else expected
    if isinstance(value, bool) is not (expected is bool) or not isinstance(value, allowed):
        shown = "not that" if name in SECRETS else repr(value)
        raise SettingsError(f"{path}: {name} is {shown}: give {_PLAIN[expected]}")
    if (
        name in {"model", "reranker", "llm_templates", "milvus_ca"}
        and value
        and os.path.exists(path.parent / str(value))
    ):
        return str(path.parent / str(value))
    return value
