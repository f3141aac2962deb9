"""What a question for sessions demands of them besides a topic: "level 300", "by Mike Hagen".

Every value comes from the index, whose facets the question is compared with.
"""

import operator
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from sessionqa import terms
from sessionqa.errors import UsageError
from sessionqa.facets import ROLE, fold
from sessionqa.filters import Condition
from sessionqa.index import Index
from sessionqa.mentions import named_codes
from sessionqa.patterns import lazily
from sessionqa.topic import keys

# In so many passages a longer name is looked for, whose initials mean the same.
INITIALS_PASSAGES = 100
# A name or a role has so many words at most.
LONGEST_NAME, LONGEST_ROLE = 4, 6

TALKS = r"(?:sessions?|talks?|presentations?|videos?|recordings?|lectures?|ones)"
PEOPLE = r"(?:speakers?|presenters?|people|persons?|somebody|someone|anybody|anyone|hosts?)"
_LEVEL = r"(?:level[- ]?)?(\d{1,4})(?:[- ]?levels?)?"
# Each comparison of a level, as people put it; "level" stands somewhere in it.
_LEVELS = (
    (">=", rf"{_LEVEL} (?:and|or) (?:up|above|higher|more|over|beyond|upwards?)"),
    ("<=", rf"{_LEVEL} (?:and|or) (?:below|lower|under|less|down|downwards?)"),
    (">=", rf"(?:at least|no lower than|starting (?:at|from)|from) {_LEVEL}(?: up(?:wards?)?)?"),
    ("<=", rf"(?:at most|up to|no higher than|not above) {_LEVEL}"),
    (">", rf"(?:above|over|higher than|beyond|more advanced than|greater than) {_LEVEL}"),
    ("<", rf"(?:below|under|lower than|less advanced than|less than) {_LEVEL}"),
)
_EQUAL = lazily(
    r"\b(?:levels? |level-|l)(\d{1,4})((?:(?:,| or| and|/)+ ?(?:level )?\d{1,4})*)\b"
    r"|\b(\d{1,4})((?:(?:,| or| and|/)+ ?\d{1,4})*)[- ]level\b",
    re.IGNORECASE,
)
_LOWEST = lazily(
    r"\bfor (?:absolute |complete )?(?:beginners|newcomers|novices)\b"
    rf"|\b(?:beginner(?:'s|s)?|introductory|entry)[- ]?(?:level)? (?={TALKS}\b)"
    r"|\b(?:lowest level|easiest|least advanced)\b",
    re.IGNORECASE,
)
_HIGHEST = lazily(
    r"\b(?:the )?(?:highest level|hardest|most (?:advanced|difficult))\b", re.IGNORECASE
)
_YEAR = lazily(
    rf"\b(in|from|of|during|since|before|after|until|year)(?: the year)? ((?:19|20)\d\d)\b"
    rf"|\b()((?:19|20)\d\d) (?={TALKS}\b)",
    re.IGNORECASE,
)
_YEAR_SIGNS = {"since": ">=", "before": "<", "after": ">", "until": "<="}
_NUMBERS = {
    word: number
    for number, words in enumerate(
        ("", "1 one single", "2 two", "3 three", "4 four", "5 five", "6 six", "7 seven")
    )
    for word in words.split()
}
_GROUPS = {"pair": 2, "duo": 2, "couple": 2, "trio": 3}
_COUNTED = (
    rf"(?P<number>{'|'.join(_NUMBERS)}|more than one|several|multiple|a couple of)[ -]"
    r"(?:(?:named|different|listed) )*(?:speakers?|presenters?|hosts?|people on stage)"
)
_SPEAKERS = lazily(
    rf"\b(?:with |by |has |have |having |had |list |name )*(?P<how>(?:just|only|exactly|at least|"
    rf"more than|at most|fewer than|a|the) )*{_COUNTED}\b"
    rf"|\b(?:by|with) (?P<how_many>(?:just|only|exactly|at least|more than|at most|fewer than) )?"
    rf"(?P<people>{'|'.join(_NUMBERS)}|several) (?:people|persons)\b"
    rf"|\b(?:by|with) an? (?P<group>{'|'.join(_GROUPS)})\b",
    re.IGNORECASE,
)
_NOBODY = lazily(
    r"\b(?:(?:that|which|who) )?(?:with no|without|have no|has no|no|lack(?:s|ing)?|(?:do|does|did)"
    r"(?:n['’]t| not) (?:name|have|list|give|mention|say))(?: (?:any|named|known|the|a|who))* "
    r"(?:speakers?|presenters?)(?: names?| named| given)?\b",
    re.IGNORECASE,
)
_TRACK = lazily(r"\b(?:(?:the )?(?P<one>[\w-]+) track|track (?P<other>[\w-]+))\b", re.IGNORECASE)
_AT = lazily(r"\b(?:at|from|of|during) (?:the )?", re.IGNORECASE)
_BY = lazily(
    r"\b(?:(?:presented|given|hosted|led|delivered|held|taught|done|run|made) )?by ", re.IGNORECASE
)
_CALLED = lazily(
    rf"\b(?:with )?(?:an? )?{PEOPLE}(?: on stage)? (?:who (?:is|was) )?(?:called|named) ",
    re.IGNORECASE,
)
_WITH = lazily(r"\b(?:with|of|from|featuring|starring) ", re.IGNORECASE)
_STAGE = lazily(
    r" (?:presents?|presented|presenting|gave|gives?|giving|spoke|speaks?|hosts?|hosted|led|leads?"
    r"|delivers?|delivered|held|holds?|teach(?:es)?|taught|appears?|appeared|on stage|in)\b"
    rf"|(?:['’]s?)? (?={TALKS}\b)",
    re.IGNORECASE,
)
_PERSON = lazily(
    rf"\b(?:(?:with|by) )?(?:an? |the )?{PEOPLE}(?:(?: (?:who|that|which))? (?:is|are|was|were|"
    r"works?|worked|comes?|came)(?P<at> (?:as|at|for|from|with))?|(?P<from> (?:from|at|working at|"
    r"working for|working as)))(?: (?P<article>an?|the))? ",
    re.IGNORECASE,
)
_ONE = lazily(
    r"\b(?:with|by|have|has|had|include|includes|featuring) (?P<article>an?) ", re.IGNORECASE
)
# A further name or role.
_ALSO = lazily(r",? (?P<joint>or|and) (?:by |with )?(?:an? |the )?", re.IGNORECASE)
_FROM = lazily(r"\b(?:from|at) (?=[^\W\d_])", re.IGNORECASE)
_ANY_RANK = lazily(r"^\W*of (?:whatever|any|whichever) \w+", re.IGNORECASE)
_BUT = lazily(
    r"\b(?:other than|except(?: for| from)?|apart from|besides|excluding|aside from) "
    r"(?P<what>[^?.!;]+)",
    re.IGNORECASE,
)
_NOT = lazily(
    r"(?:\b(?:that|which|but) )?\b(?:(?:do|does|did)(?:n['’]t| not) (?:mention|cover|discuss|name|"
    r"talk about|speak of|bring up|deal with|touch on|refer to|say anything about|contain|use)"
    r"|(?:(?:are|is)n['’]t|(?:are |is )?not) (?:about|mentioning|on|covering)|(?<=but )not"
    r"|without (?:mentioning|(?:a |any )?mention of|talking about|covering)) (?P<what>[^?.!;]+)",
    re.IGNORECASE,
)
_NOT_LEVEL = lazily(
    r"(?:\b(?:is|are)n['’]t|\bnot|\bother than|\bexcept) (?:at |of |on )?"
    r"(?:level )?(\d{1,4})(?:[- ]level)?\b",
    re.IGNORECASE,
)
_OUTSIDE = lazily(
    rf"\b(?:with |by )?(?:(?:an? |the )?{PEOPLE} )?(?:(?:who|that|which) )?"
    r"(?:(?:do|does|did)(?:n['’]t| not) (?:work|come) (?:for|at|from)"
    r"|(?:is|are|was|were)(?:n['’]t| not) (?:from|at|with|employed by)"
    r"|not from|(?:from )?outside(?: of)?) "
    r"(?:the )?(?P<what>[^\W\d_][\w.&’'-]*(?: (?-i:[A-Z])[\w.&-]*)*)",
    re.IGNORECASE,
)
_ORGANISATION = lazily(r"\b(?:from|of|at|for) (?:the )?[A-Z]")
# A clause that goes on with something else.
_CLAUSE = lazily(r"[,;:?!()]|\b(?:and|or|that|which|who|about|on|mention\w*)\b", re.IGNORECASE)

# The codes of the sessions that say what is in a text.
Saying = Callable[[str], Collection[str]]


@dataclass(frozen=True, slots=True)
class Demands:
    """What was recognised, and the `rest` of the question.

    `passing` are the codes of the sessions that have it all, None without demands; `said` puts
    each demand in words, and `field` is the line of the card that shows it. `missing` tells of a
    value that no session has.
    """

    passing: frozenset[str] | None
    said: tuple[str, ...]
    rest: str
    field: str
    missing: str


def read_demands(question: str, index: Index, saying: Saying) -> Demands:
    """Reads every demand of `question`; what one has read, the next does not see."""
    reader = _Reader(question, index, saying)
    for step in (
        reader.other_levels,
        reader.outsiders,
        reader.excluded,
        reader.events,
        reader.levels,
        reader.years,
        reader.nobody,
        reader.speaker_count,
        reader.tracks,
        reader.names,
        reader.roles,
        reader.codes,
    ):
        step()
    return Demands(
        passing=reader.passing,
        said=tuple(reader.said),
        rest=reader.text,
        field=reader.field,
        missing=reader.missing,
    )


class _Reader:
    def __init__(self, question: str, index: Index, saying: Saying) -> None:
        self.text = " ".join(question.split())
        self.passing: frozenset[str] | None = None
        self.said: list[str] = []
        self.field = "title"
        self.missing = ""
        self._index = index
        self._saying = saying

    def excluded(self) -> None:
        """Reads "besides ARC310" and "that do not mention Lambda"."""
        for pattern in (_BUT, _NOT):
            match = pattern.search(self.text)
            if not match or _NOBODY.search(match.group()):
                continue
            what = match["what"].strip()
            codes, _ = named_codes(what, self._index.facets)
            out = set(codes) or set(self._saying(what))
            if out or pattern is _NOT:
                everything = set(self._index.values("session").values())
                self._keep(frozenset(everything - out), f"without “{what}”", "title")
                self._blank(match.start(), match.end())

    def other_levels(self) -> None:
        """Reads "not level 300"."""
        match = _NOT_LEVEL.search(self.text)
        if match and "level" in match.group().casefold():
            others = [level for level in self._index.values("level") if level != match[1]]
            self._take(match, [Condition("level", "=", level) for level in others])

    def outsiders(self) -> None:
        """Reads "who do not work for Initech": of speakers whose organisation is told."""
        match = _OUTSIDE.search(self.text)
        if not match:
            return
        own = {*keys(match["what"]), *self._initials(match["what"])}
        found = self._with_role(
            lambda role: bool(_ORGANISATION.search(role)) and own.isdisjoint(keys(role))
        )
        self._keep(found, f"a speaker not from “{match['what']}”", "speakers")
        self._blank(match.start(), match.end())

    def levels(self) -> None:
        for sign, pattern in _LEVELS:
            for match in re.finditer(rf"\b{pattern}\b", self.text, re.IGNORECASE):
                if "level" in match.group().casefold():
                    self._take(match, [Condition("level", sign, match.group(1))])
        for match in _EQUAL.finditer(self.text):
            numbers = re.findall(r"\d+", match.group())
            self._take(match, [Condition("level", "=", number) for number in numbers])
        known = [int(level) for level in self._index.values("level")]
        for extreme, choose in ((_LOWEST, min), (_HIGHEST, max)):
            if known and (first := extreme.search(self.text)):
                self._take(first, [Condition("level", "=", str(choose(known)))])

    def years(self) -> None:
        known = self._index.values("year")
        for match in _YEAR.finditer(self.text):
            word, year = (match[1] or match[3] or "").casefold(), match[2] or match[4]
            told = word in _YEAR_SIGNS or year in known
            # A year that no session is of may be one that is talked about.
            if told or not self._index.sentence_counts([year]):
                self._take(match, [Condition("year", _YEAR_SIGNS.get(word, "="), year)])

    def nobody(self) -> None:
        if match := _NOBODY.search(self.text):
            self._count(match, "no speakers named", lambda count: count == 0)

    def speaker_count(self) -> None:
        match = _SPEAKERS.search(self.text)
        if not match:
            return
        word = (match["number"] or match["people"] or match["group"]).casefold()
        how = (match["how"] or match["how_many"] or "").strip().casefold()
        if word == "one" and how in {"", "a", "the"} and not re.match("with|by", match.group()):
            return
        known = _NUMBERS | _GROUPS
        number = known.get(word, 2)
        compare = how if word in known else "at least"
        tests: dict[str, tuple[str, Callable[[int], bool]]] = {
            "at least": ("at least ", lambda count: count >= number),
            "more than": ("more than ", lambda count: count > number),
            "at most": ("at most ", lambda count: 0 < count <= number),
            "fewer than": ("fewer than ", lambda count: 0 < count < number),
        }
        words, test = tests.get(compare, ("", lambda count: count == number))
        noun = "speaker" if number == 1 else "speakers"
        self._count(match, f"{words}{number} {noun}", test)

    def tracks(self) -> None:
        tracks = self._index.values("track")
        for form, track in sorted(tracks.items(), key=lambda pair: -len(pair[0])):
            name = re.escape(form)
            named = rf"(?:{name} track|track {name}|{name} (?={TALKS}\b))"
            pattern = rf"\b(?:(?:in|on|of|from) )?(?:the )?{named}"
            if match := re.search(pattern, self.text, re.IGNORECASE):
                self._take(match, [Condition("track", "=", track)])
        match = _TRACK.search(self.text)
        if match and tracks:
            name = match["one"] or match["other"]
            if name[0].isupper() and not terms.is_unasked(name):
                self._take(match, [Condition("track", "=", name)])

    def events(self) -> None:
        """Events by their whole names, or by how these end: "at re:Invent"."""
        for form, event in self._index.values("event").items():
            whole = terms.words(form)
            for first in range(len(whole)):
                name = r"\W+".join(map(re.escape, whole[first:]))
                short = rf"{_AT.pattern}{name}\b|\b{name}(?=(?: \d{{4}})? {TALKS}\b)"
                pattern = short if first else rf"(?:{_AT.pattern})?\b{name}\b"
                if match := re.search(pattern, self.text, re.IGNORECASE):
                    self._take(match, [Condition("event", "=", event)])
                    break

    def names(self) -> None:
        """Speakers, by any of their names, where the wording says that one is meant."""
        for pattern, strong in ((_CALLED, True), (_BY, True), (_WITH, False)):
            for match in pattern.finditer(self.text):
                if end := self._name_after(match.end(), strong):
                    self._take_speaker(match.start(), match.end(), end)
                    return
                if strong and (unknown := self._unknown_name(match, pattern is _CALLED)):
                    self.missing = f"no speaker “{unknown}”"
                    return
        for match in _STAGE.finditer(self.text):
            words = list(terms.word_matches(self.text, 0, match.start()))[-LONGEST_NAME:]
            for first in range(len(words)):
                name = [word.group() for word in words[first:]]
                if self._is_name(name, strong=len(name) > 1):
                    self._take_speaker(words[first].start(), words[first].start(), words[-1].end())
                    return

    def roles(self) -> None:
        """Reads "by a solutions architect", "speakers from Vanguard": what speakers are called."""
        for pattern in (_PERSON, _ONE, _BY, _FROM):
            for match in pattern.finditer(self.text):
                groups = match.groupdict()
                told = bool(groups.get("article") or groups.get("at") or groups.get("from"))
                if self._take_role(match, told and pattern is _PERSON):
                    return

    def codes(self) -> None:
        """Codes that are named are the sessions to choose from."""
        named, _ = named_codes(self.text, self._index.facets)
        if named:
            self._keep(frozenset(named), f"of {', '.join(named)}", "title")
        for code in named:
            self.text = self.text.replace(code, " ; ")

    def _take_role(self, match: re.Match[str], told: bool) -> bool:
        """Reads the role after `match`, and a second one that is joined to it."""
        end, role = self._role_at(match.end())
        if not role:
            clause = self._clause(match.end())
            if told and any(not terms.is_unasked(word) for word in terms.words(clause)):
                self.missing = f"no speaker described as “{clause.strip(' .?!')}”"
            return bool(self.missing)
        roles = [role]
        if also := _ALSO.match(self.text, end):
            further, other = self._role_at(also.end())
            end = further if other else end
            roles.extend(filter(None, [other]))
        codes = frozenset[str]().union(*map(self._in_role, roles))
        self._keep(codes, f"a speaker described as “{' or '.join(roles)}”", "speakers")
        self._blank(match.start(), end)
        return True

    def _clause(self, start: int) -> str:
        end = _CLAUSE.search(self.text, start)
        return self.text[start : end.start() if end else None]

    def _role_at(self, start: int) -> tuple[int, str]:
        """Where the longest role that begins at `start` ends, and the role; empty for none."""
        clause = self._clause(start)
        words = list(terms.word_matches(clause))[:LONGEST_ROLE]
        for last in range(len(words), 0, -1):
            role = clause[: words[last - 1].end()]
            if not terms.is_unasked(words[last - 1].group()) and self._in_role(role):
                end = start + len(role)
                rank = _ANY_RANK.match(self.text[end:])
                return end + (rank.end() if rank else 0), role.strip()
        return start, ""

    def _initials(self, name: str) -> set[str]:
        """The keys of the initials of every longer name that begins with `name`."""
        stems = [terms.stem(word) for word in terms.words(name)]
        ids = [id_ for id_, _ in self._index.having(stems, INITIALS_PASSAGES)]
        longer = re.compile(rf"\b{re.escape(name)}((?: [A-Z][\w-]+)+)")
        found = set()
        for passage in self._index.passages(ids):
            for match in longer.finditer(passage.text):
                words = match.group().split()
                found |= {"".join(w[0] for w in words[:n]) for n in range(2, len(words) + 1)}
        return {key for initials in found for key in keys(initials)}

    def _in_role(self, role: str) -> frozenset[str]:
        """The sessions with a speaker whose role has all words of `role`."""
        asked = [word for word in terms.words(role) if not terms.is_unasked(word)]
        wanted = {key for word in asked for key in keys(word)}
        return self._with_role(lambda known: bool(wanted) and wanted <= set(keys(known)))

    def _with_role(self, fits: Callable[[str], bool]) -> frozenset[str]:
        """The sessions with a speaker whose role fits."""
        forms = [form for form, role in self._index.values(ROLE).items() if fits(role)]
        return frozenset(code for _, _, code in self._index.facets(ROLE, forms))

    def _name_after(self, start: int, strong: bool) -> int:
        """Where a speaker's name that begins at `start` ends; 0 if none begins there."""
        words: list[re.Match[str]] = []
        for match in terms.word_matches(self.text, start):
            gap = self.text[words[-1].end() if words else start : match.start()]
            if gap.strip(" .’'") or len(words) == LONGEST_NAME:
                break
            words.append(match)
        for last in range(len(words), 0, -1):
            if self._is_name([word.group() for word in words[:last]], strong):
                return words[last - 1].end()
        return 0

    def _is_name(self, words: Sequence[str], strong: bool) -> bool:
        """Whether a speaker has all these words in their name, whole."""
        written = strong or words[0][0].isupper()
        folded = [fold(terms.bare(word)) for word in words]
        # Some people are called Said, or Will.
        named = [word[0].isupper() and len(words) > 1 for word in words]
        asking = [word in terms.UNASKED for word in folded]
        if not written or all(asking):
            return False
        if any(odd and not name for odd, name in zip(asking, named, strict=True)):
            return False
        known = self._index.values("speaker", folded)
        return any(set(folded) <= set(terms.words(name)) for name in known)

    def _unknown_name(self, cue: re.Match[str], called: bool) -> str:
        """The capitalised words after a cue; after "called", whatever stands there."""
        capital = r"[^\W\d_a-z][\w.'’-]*"
        most = 1 if called else 2
        pattern = rf"(?:{capital})(?: {capital})*"
        match = re.match(pattern, self.text[cue.end() :])
        if not match or len(match.group().split()) < most:
            return ""
        stems = [terms.stem(word) for word in terms.words(match.group())]
        # What is talked about, or what somebody does, may have capitals too.
        known = self._index.having(stems, 1)
        return "" if known else match.group()

    def _take_speaker(self, start: int, name: int, end: int) -> None:
        """Demands the speaker named from `name` to `end`, or one more; `start` is what says so.

        Both, if "and" joins them and some session has both.
        """
        spans = [(name, end)]
        also = _ALSO.match(self.text, end)
        if also and (further := self._name_after(also.end(), strong=True)):
            spans.append((also.end(), further))
        conditions = [Condition("speaker", "=", self._plain(*span)) for span in spans]
        each = [condition.select(self._index) for condition in conditions]
        if also and also["joint"].casefold() == "and" and frozenset.intersection(*each):
            for condition in conditions:
                self._select([condition], "speakers")
        else:
            self._select(conditions, "speakers")
        self._blank(start, spans[-1][1])

    def _plain(self, start: int, end: int) -> str:
        return " ".join(terms.bare(word) for word in terms.words(self.text[start:end]))

    def _count(self, match: re.Match[str], words: str, test: Callable[[int], bool]) -> None:
        everyone = self._index.facets("speaker", list(self._index.values("speaker")))
        counts = dict.fromkeys(self._index.values("session").values(), 0)
        for _, _, code in everyone:
            counts[code] += 1
        passing = frozenset(code for code, count in counts.items() if test(count))
        self._keep(passing, words, "speakers")
        self._blank(match.start(), match.end())

    def _take(self, match: re.Match[str], conditions: Sequence[Condition]) -> None:
        self._select(conditions, "facts")
        self._blank(match.start(), match.end())

    def _select(self, conditions: Sequence[Condition], field: str) -> None:
        """Keeps the sessions that pass one of the conditions."""
        found: list[frozenset[str]] = []
        problems = []
        for condition in conditions:
            try:
                found.append(condition.select(self._index))
            except UsageError as problem:
                problems.append(str(problem))
        passing = reduce(operator.or_, found) if found else frozenset[str]()
        if problems and not passing:
            self.missing = problems[0]
        self._keep(passing, _in_words(conditions), field)

    def _keep(self, codes: frozenset[str], words: str, field: str) -> None:
        self.passing = codes if self.passing is None else self.passing & codes
        self.said.append(words)
        if self.field in {"title", "facts"}:
            self.field = field

    def _blank(self, start: int, end: int) -> None:
        """Takes what was read out of the text; its length stays, for matches still to come."""
        gap = " ; ".ljust(end - start)[: max(end - start, 1)]
        self.text = f"{self.text[:start]}{gap}{self.text[end:]}"


def _in_words(conditions: Iterable[Condition]) -> str:
    signs = {"=": "", ">=": "at least ", "<=": "at most ", ">": "above ", "<": "below "}
    parts = [(c.field, f"{signs[c.sign]}{c.value}") for c in conditions]
    return f"{parts[0][0]} {' or '.join(value for _, value in parts)}" if parts else ""
