"""Which column of a catalogue holds what: as told, by the names, or by the values."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import process

from sessionqa.errors import UsageError
from sessionqa.importers.drafts import Source

# What a column may be called, the surest name first, in English, German, French, Spanish, Italian.
_NAMES = {
    "code": """code; session code; talk code; session id; abbreviation; abbrev; short code; short
        id; session number; number; no; nr; nummer; sitzungscode; kennung; kürzel; numéro;
        numero; código; codigo; codice; reference; ref; identifier; id""",
    "title": """title; session title; talk title; presentation title; full title; session name;
        talk name; name of session; titel; vortragstitel; titre; título; titolo; subject; thema;
        betreff; sujet; headline; name; session; talk; presentation; vortrag; sesión; charla""",
    "abstract": """abstract; session abstract; long abstract; full abstract; description; session
        description; long description; full description; summary; session summary; text; body;
        content; transcript; beschreibung; zusammenfassung; inhalt; kurzfassung; résumé; résumé
        long; descriptif; contenu; descripción; resumen; contenido; descrizione; riassunto;
        about; details; overview; synopsis; blurb; short abstract; short description; notes""",
    "speakers": """speakers; speaker; speaker names; speaker name; speaker list; session speakers;
        presenters; presenter; presenter names; presenter name; presented by; speaker full name;
        participants; panelists; authors; author; hosts; referenten; referent; referentin;
        referierende; sprecher; vortragende; vortragender; redner; intervenants; intervenant;
        conférenciers; conférencier; orateurs; orateur; ponentes; ponente; oradores; orador;
        relatori; relatore; autoren; auteurs; autores; autori; people""",
    "level": """level; session level; difficulty; difficulty level; skill level; expertise level;
        content level; niveau; schwierigkeit; schwierigkeitsgrad; stufe; difficulté; nivel;
        dificultad; livello; difficoltà; audience level""",
    "track": """track; track name; tracks; session track; primary track; topic; topics; session
        topic; category; categories; theme; stream; area; area of interest; domain;
        themenbereich; bereich; kategorie; rubrik; thématique; thème; parcours; catégorie; tema;
        categoría; área; ámbito; pista; categoria; percorso""",
    "event": """event; event name; conference; conference name; congress; veranstaltung; konferenz;
        tagung; événement; conférence; congrès; evento; conferencia; congreso; conferenza""",
    "year": """year; event year; jahr; année; an; año; anno; date; session date; event date; start;
        start time; start date; starts; starts at; begin; begins at; start datetime; date time;
        day; datum; beginn; jour; fecha; inicio; fecha de inicio; début; published; published
        at; publication date; recorded; recorded at; upload date; session time; time; when""",
    "services": """services; service; aws services; technologies; technology; products; product;
        tools; dienste; technologien; produkte; produits; servicios; tecnologías; productos;
        servizi; tecnologie; tags; tag; keywords; keyword; schlagwörter; schlagworte;
        stichwörter; mots clés; étiquettes; palabras clave; etiquetas; parole chiave; labels""",
    "url": """video url; video link; video; youtube; youtube url; youtube link; recording url;
        recording link; recording; url; link; session url; session link; web page; website;
        permalink; href; webseite; aufzeichnung; enregistrement; lien; vidéo; lien vidéo;
        grabación; enlace; vídeo; registrazione; collegamento""",
    "video title": """video title; youtube title; recording title; videotitel; titre de la vidéo;
        título del vídeo""",
}
FIELDS = tuple(_NAMES)
# Those that may stand in several columns, as "Speaker 1" and "Speaker 2".
SEVERAL = frozenset({"speakers", "services"})

# With these left out, "Title of the session (required)" is a title.
_PASSED_OVER = frozenset(
    """session sessions talk the of a an de la le du der die das des des del el los required
    optional public main full en english de_de""".split()
)
# What an object inside of a session calls itself: `track.title` is a track.
_OF_ANYTHING = frozenset("name title label value text id key code".split())
# Long texts that are of the speaker, and not of the session.
_OF_PEOPLE = frozenset("bio bios biography biographies biografie biographie biografia".split())
_CAMEL = re.compile(r"(?<=[a-zà-ÿ0-9])(?=[A-ZÀ-Þ])|(?<=[A-Z])(?=[A-Z][a-z])")
_CODE = re.compile(r"[A-Z]{2,8}[- ]?[0-9]{2,4}(?:-?[A-Z0-9]{1,4})*")
_LINK = re.compile(r"https?://\S+")
# So many rows show what a column holds.
_SAMPLE = 200
# An abstract is longer than this on the average, and a title is no longer.
_LONG = 120
_MAX_HEADER_CHARS = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """The columns of each field that has any, and a line for each field to tell of it."""

    columns: Mapping[str, Sequence[str]]
    notes: tuple[str, ...]


def choose(
    source: Source,
    names: Sequence[str],
    sample: Callable[[str], Sequence[str]],
    told: Mapping[str, str],
) -> Choice:
    """The columns that hold each of FIELDS. `sample` gives some values of a column.

    `told` names the column of a field, in any case, and an empty name says that there is none.
    Raises UsageError if it names no field or no column.
    """
    chosen = {field: [_told(source, field, name, names)] for field, name in told.items() if name}
    free = [name for name in names if [name] not in chosen.values()]
    reasons = {}
    for field, found in _by_names(free).items():
        if field not in told:
            chosen[field] = found
    taken = {name for found in chosen.values() for name in found}
    rest = {name: sample(name)[:_SAMPLE] for name in free if name not in taken}
    wanted = [field for field in FIELDS if field not in chosen and field not in told]
    for field, name in _by_values(wanted, rest):
        chosen[field] = [name]
        reasons[field] = " (by its values)"
        del rest[name]
    notes = [
        f"{field} <- {', '.join(chosen[field])}{reasons.get(field, '')}"
        for field in FIELDS
        if field in chosen
    ]
    left_out = [f"left out: {', '.join(rest)}"] if rest else []
    return Choice(chosen, (*notes, *left_out))


def field_of(name: str) -> str | None:
    """The field that a column of this name holds, None if the name does not tell."""
    found = _known(name)
    return found[0] if found else None


def known(names: Sequence[str]) -> int:
    """How many of these names tell what their column holds."""
    return sum(len(name) <= _MAX_HEADER_CHARS and _known(name) is not None for name in names)


def is_header(cells: Sequence[str]) -> bool:
    """Whether the first row of a table names its columns, rather than being a session."""
    return known(cells) > 0 or not any(
        _CODE.fullmatch(cell.strip()) or _LINK.match(cell) or len(cell) > _MAX_HEADER_CHARS
        for cell in cells
    )


def _told(source: Source, field: str, name: str, names: Sequence[str]) -> str:
    if field not in FIELDS:
        raise UsageError(f"{field} is no field of a session: the fields are {', '.join(FIELDS)}")
    for same in (str, _words):
        for column in names:
            if same(column) == same(name):
                return column
    near = [found for found, *_ in process.extract(name, names, limit=3, processor=_words_text)]
    raise UsageError(
        f"{source.name} has no column {name!r} for {field}; the nearest are "
        f"{', '.join(map(repr, near))}"
    )


def _by_names(names: Sequence[str]) -> dict[str, list[str]]:
    """The columns with the surest name of each field; all those with that name for some fields."""
    ranked: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        if found := _known(name):
            field, rank = found
            ranked.setdefault(field, []).append((rank, name))
    chosen = {}
    for field, pairs in ranked.items():
        best = min(rank for rank, _ in pairs)
        equal = [name for rank, name in pairs if rank == best]
        chosen[field] = equal if field in SEVERAL else equal[:1]
    return chosen


def _by_values(
    wanted: Sequence[str], values: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    """Codes look like codes, abstracts are the longest texts, titles are texts of some words."""
    # The lines of a text that is no table would pass for titles.
    several = len(values) > 1
    free = {
        name: cells
        for name, cells in values.items()
        if cells and _OF_PEOPLE.isdisjoint(_words(name))
    }
    tests: dict[str, Callable[[Sequence[str]], float]] = {
        "code": _codes,
        "abstract": lambda cells: length if (length := _mean(map(len, cells))) > _LONG else 0,
        "title": _titles,
    }
    for field, test in tests.items():
        if field in wanted and several and free:
            best = max(free, key=lambda name: test(free[name]))
            if test(free[best]) > 0.5:
                del free[best]
                yield field, best


def _codes(cells: Sequence[str]) -> float:
    # A track or a room may look like a code, but not each row has one of its own.
    return _share(cells, _CODE.fullmatch) if len(set(cells)) > 0.9 * len(cells) else 0


def _titles(cells: Sequence[str]) -> float:
    """How many words they have, for texts that are long enough and differ from row to row."""
    words = _mean(len(cell.split()) for cell in cells)
    differ = len(set(cells)) > 0.8 * len(cells)
    return words if differ and words > 2 and _mean(map(len, cells)) <= _LONG else 0


def _share(cells: Sequence[str], test: Callable[[str], object]) -> float:
    return _mean(test(cell) is not None for cell in cells)


def _mean(numbers: Iterable[float]) -> float:
    listed = list(numbers)
    return sum(listed) / len(listed) if listed else 0.0


def _known(name: str) -> tuple[str, int] | None:
    """The field that this name tells, and its rank among the names of it: 0 is the surest."""
    words = _words(name)
    found = _RANKS.get(words) or _RANKS.get(_unqualified(words))
    outer, _, inner = name.rpartition(".")
    if found or not outer or not inner:
        return found
    around = _known(outer)
    if around and around[0] != "title" and inner.casefold() in _OF_ANYTHING:
        return around if inner.casefold() not in {"id", "key", "code"} else None
    return _known(inner)


def _unqualified(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in _PASSED_OVER)


def _words(name: str) -> tuple[str, ...]:
    """The words of a column's name in small letters, without accents, numbers and signs."""
    spaced = _CAMEL.sub(" ", name)
    letters = unicodedata.normalize("NFKD", spaced.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return tuple(re.findall(r"[^\W\d_]+", bare))


def _words_text(name: str) -> str:
    return " ".join(_words(name))


_RANKS: dict[tuple[str, ...], tuple[str, int]] = {}
for _field, _listed in _NAMES.items():
    for _rank, _name in enumerate(_listed.split(";")):
        _RANKS.setdefault(_words(_name), (_field, _rank))
