"""What is looked up by word, abbreviation or facet: records that sessions add to and take from.

The same for a new build, where nothing is there yet, and for one that is brought up to date.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple
from typing import Any

from sessionqa import abbreviations, terms
from sessionqa.facets import facets_of
from sessionqa.index.milvus.entries import Opened
from sessionqa.index.vocabulary import count_forms, words_of

# Reads the values that keys have by now.
Read = Callable[[Iterable[str]], dict[str, Any]]
SHARDS = 64
STATISTICS = "statistics"


def word_key(stem: str) -> str:
    """The key of [in how many sentences, in how many sessions, its forms, see `count_forms`]."""
    return f"word:{stem}"


def like_key(end: str, letters: str, length: int) -> str:
    """The key of the [word, uses] of a length that have these letters at their head or tail."""
    return f"{end}:{letters}:{length}"


def facet_key(field: str, folded: str) -> str:
    """The key of the [value, code] of a facet."""
    return f"facet:{field}:{folded}"


def values_key(field: str) -> str:
    """The key of a field's values by their folded forms."""
    return f"values:{field}"


def short_key(key: str) -> str:
    """The key of the abbreviations whose short form has this key; see that module."""
    return f"short:{key}"


def long_key(key: str) -> str:
    """The key of those whose long form has it."""
    return f"long:{key}"


def shard_key(code: str) -> str:
    """The key of the record that lists a session: {code: [path, checksum, place]}."""
    from zlib import crc32

    return f"shard:{crc32(code.casefold().encode()) % SHARDS}"


def shard_keys() -> list[str]:
    """The keys of all such records."""
    return [f"shard:{number}" for number in range(SHARDS)]


class Tables:
    """Counts what sessions add and take away, and tells what the records are then."""

    def __init__(self) -> None:
        self._sentences: Counter[str] = Counter()
        self._sessions: Counter[str] = Counter()
        self._forms: Counter[str] = Counter()
        self._opening: Counter[str] = Counter()
        # By key, entries with how often they were added, less how often they were taken away.
        self._listed: defaultdict[str, Counter[Any]] = defaultdict(Counter)
        self._total: Counter[str] = Counter()

    def add(self, opened: Opened, times: int = 1) -> None:
        """Adds a session; takes it away with `times` -1."""
        session = opened.session
        everywhere: Counter[str] = Counter()
        opening: Counter[str] = Counter()
        count_forms(session.text, everywhere, opening)
        in_sentences: Counter[str] = Counter()
        for text in opened.sentence_texts():
            in_sentences.update({terms.stem(word) for word in terms.words(text)})
        once = dict.fromkeys({terms.stem(form) for form in everywhere}, 1)
        _count(self._forms, everywhere, times)
        _count(self._opening, opening, times)
        _count(self._sentences, in_sentences, times)
        _count(self._sessions, once, times)
        for key, entry in _listed(opened):
            self._listed[key][entry] += times
        words = everywhere.total()
        _count(self._total, {"sessions": 1, "words": words}, times)

    def changed(self, read: Read) -> Iterator[tuple[str, Any]]:
        """The keys whose values have changed, and what they are now: None where nothing is left."""
        yield from self._changed_words(read)
        yield from self._changed_lists(read)
        before = read([STATISTICS]).get(STATISTICS, {})
        yield STATISTICS, {name: before.get(name, 0) + self._total[name] for name in self._total}

    def _changed_words(self, read: Read) -> Iterator[tuple[str, Any]]:
        forms: defaultdict[str, list[str]] = defaultdict(list)
        for form in self._forms:
            forms[terms.stem(form)].append(form)
        stems = sorted({*forms, *self._sentences, *self._sessions, *map(terms.stem, self._opening)})
        alike: defaultdict[str, dict[str, int]] = defaultdict(dict)
        known = read(map(word_key, stems))
        for stem in stems:
            sentences, sessions, written = known.get(word_key(stem)) or (0, 0, [])
            uses = Counter({form: count for form, count, _ in written})
            opening = Counter({form: count for form, _, count in written})
            before = {one.word: one.uses for one in words_of(+uses, +opening)}
            for form in forms[stem]:
                uses[form] += self._forms[form]
                opening[form] += self._opening[form]
            after = {one.word: one.uses for one in words_of(+uses, +opening)}
            for word in before.keys() | after.keys():
                for key in _like_keys(word):
                    alike[key][word] = after.get(word, 0)
            left = [[form, count, opening[form]] for form, count in sorted((+uses).items())]
            sentences += self._sentences[stem]
            sessions += self._sessions[stem]
            yield word_key(stem), [sentences, sessions, left] if left else None
        there = read(alike)
        for key, changed in alike.items():
            words = {**dict(there.get(key) or []), **changed}
            usual = sorted((-uses, word) for word, uses in words.items() if uses)
            yield key, [[word, -uses] for uses, word in usual] or None

    def _changed_lists(self, read: Read) -> Iterator[tuple[str, Any]]:
        there = read(self._listed)
        for key, changed in self._listed.items():
            total = Counter({tuple(one): count for *one, count in there.get(key) or []})
            total.update(changed)
            yield key, [[*one, count] for one, count in sorted((+total).items())] or None


def _count(total: Counter[str], more: Any, times: int) -> None:
    for name, count in more.items():
        total[name] += times * count


def _like_keys(word: str) -> tuple[str, str]:
    return like_key("head", word[:2], len(word)), like_key("tail", word[-2:], len(word))


def _listed(opened: Opened) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The entries of a session in lists, by key; each once."""
    session = opened.session
    facets = {astuple(facet) for facet in facets_of(session)}
    for field, folded, value, code in facets:
        yield facet_key(field, folded), (value, code)
    for field, folded, value in {facet[:3] for facet in facets}:
        yield values_key(field), (folded, value)
    for entry in set(abbreviations.of_session(session)):
        forms = (entry.short, entry.long, entry.session_code, entry.introduced)
        yield short_key(abbreviations.short_key(entry.short)), forms
        yield long_key(abbreviations.long_key(entry.long)), forms
    own = (session.code, session.path, session.sha256, opened.place)
    yield shard_key(session.code), own
