"""What a question asks for: a list of sessions, a field of the card, a person, a number."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sessionqa import terms
from sessionqa.patterns import lazily

_ONE = r"(?:session|talk|presentation|video|recording|lecture)"
_MANY = r"(?:sessions|talks|presentations|videos|recordings|lectures)"
_ANY = rf"{_ONE}s?"
_WORDS = r"(?:[\w'’:-]+ )"
_YOU = r"(?:i|we|you|one|someone|people|he|she|they)"
# What looks like the code of a session.
_CODE = r"[a-z]{1,5}[ -]?\d{2,}"
_LIST = lazily(
    rf"\b(?:which|what|how many) (?:{_WORDS}{{0,5}}?{_MANY}|ones)\b"
    r"|\b(?:which|how many) (?:mention|cover|discuss|talk about)\b"
    rf"|\b(?:which|how many) of (?:these|those|them|{_CODE},? )\b"
    rf"|\b(?:have|do|did) (?:you|they|we) (?:got |have )?{_WORDS}{{0,2}}?{_MANY}\b"
    rf"|\b(?:list|name|show|find|give|tell|get|enumerate) (?:me )?{_WORDS}{{0,6}}?{_MANY}\b"
    rf"|\b(?:every|each|any|all|all the|all of the) {_WORDS}{{0,3}}?{_ANY}\b"
    rf"|\b(?:is|are|were) there {_WORDS}{{0,4}}?{_ANY}\b"
    rf"|^\W*{_WORDS}{{0,2}}?{_MANY}\b"
    rf"|\b(?:which|what|how many) (?:of the )?(?:speakers|presenters)\b"
    rf"(?![^?.!]*\b(?:the|that|this) [^?.!]*\b{_ONE}\b)"
    r"|\bwhere (?:does|do|is|are|did|was|were)\b[^?.!]*\b(?:come up|turn up|mentioned|covered|"
    r"discussed)\b",
    re.IGNORECASE,
)
_DEALS = r"(?:cover|discuss|mention|talk|speak|get|go|come|bring|touch)\w*"
# Ways to ask for sessions without a word for them. Of a session that is named they ask for facts.
_ANYTHING = lazily(
    r"\b(?:is|are|was|were) there (?:anything|something)\b[^?.!]*\b(?:on|about|for|regarding)\b"
    r"|^\W*(?:anything|something)\b[^?.!]*?\b(?:on|about|for|with|regarding)\b"
    r"|\bwhere (?:do|does|did) (?:they|any(?:one|body)|some(?:one|body)|people|(?:the )?"
    rf"(?:speakers|summaries))\b[^?.!]*\b{_DEALS}\b|\b{_DEALS}\b[^?.!]*\b(?:anywhere|somewhere)\b"
    r"|^\W*(?:and )?who (?:all )?(?:talk(?:s|ed)?|spoke|speaks?|goes|went) (?:about|of|on|into)\b"
    r"|\bwho (?:covers?|covered|discuss(?:es|ed)|deals? with|dealt with)\b",
    re.IGNORECASE,
)
# Where the clauses of a question part.
_CLAUSE = lazily(r"[,;:.?!]\s+|\s[-–—]\s")
_POINTER = lazily(r"\b(?:it|its|that|those|this|these|them|such)\b", re.IGNORECASE)
_RECOMMEND = lazily(
    rf"\bwhat\b[^?.!]*\b(?:(?:should|could|can|must|shall) {_YOU} (?:\w+ )?(?:watch|attend)"
    rf"|(?:should|must|shall) {_YOU} (?:\w+ )?see)\b"
    rf"|\b(?:what|which) {_WORDS}{{0,3}}?{_ANY} (?:should|could|can|must|shall|would|do) {_YOU} "
    r"(?:\w+ ){0,2}?(?:watch|see|attend|start|begin|view|recommend|suggest|advise)\b"
    rf"|\b(?:recommend|suggest)(?: me| us)? {_WORDS}{{0,4}}?{_ANY}\b"
    rf"|\b(?:best|good) {_ONE} (?:to|for|on|about)\b|\brecommendations?\b"
    rf"|\b{_ANY} (?:to watch|to see|worth \w+)\b|\bwhat to watch\b"
    rf"|\bwhich {_ANY} (?:is|are|would be|might be|fits?|suits?)(?: \w+)? "
    r"(?:for|good|best|right|useful|suitable|suited|most useful|helpful)\b",
    re.IGNORECASE,
)
# What follows the question proper: "Who talks about cells? List the sessions."
_DIRECTIVE = lazily(
    rf"[.?!]\s+(?:please )?(?:list|name|show|give)\b[^?.!]*\b{_MANY}\W*$", re.IGNORECASE
)
_EVERY = lazily(r"\b(?:all|every|everything|each)\b", re.IGNORECASE)
# A field of the card of the whole collection.
_ALL_THE = (
    r"\b(?:who (?:are|were)|list|name|show(?: me)?|give me|which|what(?: are)?|how many|all)"
    r"(?: (?:all|of|the|different|every|various))* "
)
_COLLECTIONS = {
    name: lazily(rf"{_ALL_THE}{nouns}\b", re.IGNORECASE)
    for name, nouns in (
        ("speaker", "(?:speakers|presenters)"),
        ("service", rf"{_WORDS}{{0,2}}services"),
        ("level", "levels"),
        ("track", "tracks"),
        ("event", "(?:events|conferences)"),
        ("year", "years"),
    )
}
_SUMMARY = lazily(
    r"\b(?:summar(?:y|i[sz]e|i[sz]ing)|tl;?dr|overview|gist|nutshell|recap|sum up"
    r"|(?:key|main|central|most important) (?:points?|takeaways?|messages?|ideas?)|takeaways"
    r"|highlights)\b"
    r"|\bwhat(?:['’]?s| is| was| are| were| did| does| do)\b[^?.!]*\b(?:about|cover|discuss)\W*$"
    r"|^\W*(?:(?:please|can you|could you) )*tell me (?:more )?about\b",
    re.IGNORECASE,
)
_COMPARE = lazily(
    r"\b(?:compar(?:e|es|ed|ing|ison)|differ(?:s|ences?|ent)?|versus|vs|in common|contrast)\b"
    r"|\bwhich of\b[^?.!]*\b(?:and|or)\b[^?.!]*\b(?:more|less|most|least|better|harder|easier)\b"
    r"|\b(?:more|less) \w+ than\b"
    r"|\bor\b[^?.!]*\b(?:more|less)\b|\bmore\b[^?.!]*\bor\b",
    re.IGNORECASE,
)
_SEVERAL = lazily(
    r"\b(?:reasons|phases|steps|stages|lessons|scenarios|strategies|patterns|challenges|benefits|"
    r"ways|tools|services|options|things|criteria|metrics|features|practices|plans|examples|"
    r"differences|kinds|types|forms|sorts|parts|areas|goals|metrics|situations|factors|components|"
    r"models|other|else|all|compare|versus|vs|pros and cons|(?:two|three|four|five|six|\d) [a-z]+s|"
    r"and (?:why|how|what|who|when|where))\b",
    re.IGNORECASE,
)
_TALK = r"(?:session|talk|presentation|video|recording|one|lecture)"
_STAGE_VERB = (
    r"(?:present(?:s|ed|ing)?|gave|gives?|giv(?:en|ing)|deliver(?:s|ed)?|host(?:s|ed)?|spoke|"
    r"speaks?|speaking|led|leads?|ran|held|taught|teaches|on stage|behind)"
)
_ROLE = r"\brole\b(?![^?.!]*\bplay)|\b(?:position|job(?: title)?|works? as|profession|employer)\b"
_BEFORE_VERB = "to i we you they who can could does do did will would should must".split()
# The speaker who does or says something is not asked for.
_NOT_DOING = "".join(
    rf"(?<!\b{verb} the )" for verb in ("did", "does", "do", "has", "have", "had", "that", "by")
)
# An address. Not: Kansai Link, which has a capital within the sentence, "which companies link",
# "to link them" or a link between things.
_LINK = (
    r"(?:^\W*link|\b(?-i:link|LINK))\b(?<![a-z]{3}s link)"
    + "".join(rf"(?<!\b{word} link)" for word in _BEFORE_VERB)
    + r"(?! (?:their|his|her|its|our|your|my|the|an?|this|these|those|all|every|each|them|it|up|"
    r"with|between|together|back)\b)"
)
# Each field of the card, and how people ask for it.
_FIELDS = {
    "speakers": lazily(
        rf"\bwho(?:'s|se|m)?\b[^?.!]*\b{_STAGE_VERB}\b|\bpresented by\b"
        rf"|{_NOT_DOING}\b(?:speakers?|presenters?)\b"
        rf"|\bwho(?:'s| is| was| are| were)\b[^?.!]*\b{_TALK}\b"
        rf"|\bon stage\b|\bhow many (?:people|persons) {_STAGE_VERB}\b"
        rf"|{_ROLE}",
        re.IGNORECASE,
    ),
    "title": lazily(
        rf"\b(?:(?<!job )title|titled)\b|\bname of (?:the )?{_TALK}\b"
        rf"|\b(?:{_TALK}|{_CODE})\b[^?.!]*\b(?:called|headed)\b|\b(?:which|what) {_ONE}\b"
        rf"|\b(?:{_TALK}|the|its|what|which) (?:code|number)\b"
        r"(?=\W*(?:$|of|for|is|does|please|has))"
        r"|^\W*code\b|\bcode(?: please)?\W*$",
        re.IGNORECASE,
    ),
    "facts": lazily(
        rf"(?<![\w-])(?:level|track)\b(?=[^?.!]*\b(?:{_TALK}|{_CODE})\b)"
        rf"|\b(?:{_TALK}|{_CODE})\b[^?.!]*(?<![\w-])(?:level|track)\b"
        r"|\b(?:which|what) (?:level|track|event|conference)\b|\bhow advanced\b"
        rf"|\b(?:which|what) year\b[^?.!]*\b(?:{_TALK}|{_CODE})\b"
        rf"|\b(?:{_TALK}|{_CODE})\b[^?.!]*\b(?:which|what) year\b"
        rf"|\b(?:beginners?|introductory|advanced|experts?)\b[^?.!]*\b(?:{_TALK}|{_CODE})\b"
        rf"|\b(?:{_TALK}|{_CODE})\b[^?.!]*\b(?:beginners?|introductory|advanced|experts?)\b",
        re.IGNORECASE,
    ),
    "services": lazily(r"\bservices\b", re.IGNORECASE),
    "recording": lazily(
        rf"\b(?:url|youtube)\b|{_LINK}"
        r"|\b(?:where|how) (?:can|could|do|to)\b[^?.!]*\b(?:watch|see|view)\b"
        r"|\brecording\b|\bvideo of\b",
        re.IGNORECASE,
    ),
}
_WHO_IS = lazily(r"^\W*who(?:'s| is| was)\b", re.IGNORECASE)
# A post that somebody holds: "who is the CEO of ...". Not: "who is the man behind ...".
_POST = lazily(
    r"^\W*who(?:'s| is| was) the (?!speaker|presenter|host|person|man|woman|guy|one\b)"
    r"(?P<post>[^?.!]+?)(?: (?:of|at|for|in|from|among)\b|\W*$)",
    re.IGNORECASE,
)
_ENUMERATES = lazily(r",[^,.;]+,?\s(?:and|or)\s|\b(?:and|as well as)\b[^.]*\band\b|:")
# What says that a thing is one of several: "a second reason", "containers are also a pattern".
_FURTHER = lazily(
    r"\b(?:one|another|first|second|third|fourth|fifth|also|further|"
    r"additional|other|finally|last|next|then|besides|moreover|among|includ(?:e|es|ed|ing)|such as|"
    r"likewise|too|as well)\b",
    re.IGNORECASE,
)
_PLURAL = lazily(r"\b[^\W\d_]{2,}(?<!s)s\b")
_DEFINITION = lazily(
    r"^\W*(?:(?:so|and) )?(?:what(?:'s| is| are| was| were| does)?|define|explain"
    r"|(?:meaning|definition) of)\b",
    re.IGNORECASE,
)
_DEFINING_STEMS = ("is", "are", "was", "mean", "refer", "denot")
BARE_WORDS = 3
# The patterns take a time that grows with the square of the text's length.
MOST_CHARS = 400
# "i.e. two" and "J. Storment" go on.
_SENTENCE = lazily(r"(?<=[.?!])(?<![\s.][^\W\d_]\.)(?<!^[^\W\d_]\.)\s+(?=[^\W\d_])")


@dataclass(frozen=True, slots=True)
class Asked:
    """What kind of answer a question wants.

    `sessions` is a list of them, `recommend` what to watch, if not `every` one then the best;
    `collection` is what a question asks of all sessions: a field that can be filtered by, or empty.
    `summary` and `compare` are of sessions that it names.

    `several` says that it wants several things, and `things` has the stems of what they may be.
    `fields` are names of lines of the card, `role` says that it is for what somebody on stage does
    for a living. `post` holds the stems of what the person who is asked for has to be, such as a
    CEO; empty for any other question. `defined` holds the stems of the term that a question for a
    definition asks about, in order, and is empty for another question.
    """

    sessions: bool
    recommend: bool
    every: bool
    collection: str
    summary: bool
    compare: bool
    several: bool
    things: frozenset[str]
    fields: frozenset[str]
    role: bool
    post: frozenset[str]
    defined: tuple[str, ...]

    @property
    def fact(self) -> bool:
        """Whether it asks for something that sessions say, and not for or about sessions."""
        return not (self.sessions or self.collection or self.summary or self.compare)


@lru_cache(maxsize=256)
def read(question: str) -> Asked:
    """What `question` asks for, by the wording of the part that asks."""
    directive = _DIRECTIVE.search(question[-MOST_CHARS:])
    question = focus(question)
    recommend = bool(_RECOMMEND.search(question))
    collection = next((name for name, of in _COLLECTIONS.items() if of.search(question)), "")
    named = frozenset(name for name, asked in _FIELDS.items() if asked.search(question))
    post = None if "speakers" in named else _POST.search(question)
    if _WHO_IS.search(question):
        named |= {"speakers"}
    return Asked(
        sessions=bool(recommend or directive or _asks_for_sessions(question)),
        recommend=recommend,
        every=bool(_EVERY.search(question)),
        collection=collection,
        summary=bool(_SUMMARY.search(question)),
        compare=bool(_COMPARE.search(question)),
        several=bool(_SEVERAL.search(question)),
        things=_things(question),
        fields=named,
        role=bool(re.search(_ROLE, question, re.IGNORECASE)),
        post=frozenset(terms.stems(post["post"])) if post else frozenset(),
        # "What is the title of X" does not ask what X is.
        defined=() if named else _term(question),
    )


def _asks_for_sessions(text: str) -> bool:
    named = re.search(rf"\b{_CODE}\b", text, re.IGNORECASE)
    return bool(_LIST.search(text) or (_ANYTHING.search(text) and not named))


def points_back(text: str) -> bool:
    """Whether `text` points at something said before it: "Where do those come up?"."""
    return bool(_POINTER.search(text))


def before_asking(text: str) -> str:
    """What stands before the clause that asks for sessions, if that clause has no topic itself.

    "Load balancers: where do those come up?" is about what stands in front.
    """
    ends = [match.end() for match in _CLAUSE.finditer(text)]
    for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
        clause, before = text[start:end], text[:start].strip()
        cue = _RECOMMEND.search(clause) or _LIST.search(clause)
        if not cue:
            continue
        own = terms.content_words(clause.replace(cue.group(), " "))
        leans = not own or points_back(clause)
        return before if leans and terms.content_words(before) else text
    return text


def _term(question: str) -> tuple[str, ...]:
    asking = _DEFINITION.match(question)
    words = terms.content_words(question)
    # A few bare words are a question for what they mean.
    if not asking and len(terms.words(question)) > BARE_WORDS:
        return ()
    return tuple(terms.stem(word) for word in words)


def _things(question: str) -> frozenset[str]:
    """The stems of the plural nouns of a question, as far as their form tells."""
    found = _PLURAL.findall(question)
    return frozenset(terms.stem(word) for word in found if not terms.is_unasked(word))


def defines(term: Sequence[str], text: str) -> bool:
    """Whether `text` has `term`, stemmed, followed by a verb that defines: "X is", "X means"."""
    if not terms.stems(text).issuperset(term):
        return False
    said = f" {' '.join(terms.stem(word) for word in terms.words(text))} "
    return any(f" {' '.join(term)} {verb} " in said for verb in _DEFINING_STEMS)


def enumerates(text: str) -> bool:
    """Whether `text` names several things in a row."""
    return bool(_ENUMERATES.search(text))


def one_of_several(things: Collection[str], text: str) -> bool:
    """Whether `text` says that something is one more of these things, given as stems."""
    return bool(_FURTHER.search(text)) and not terms.stems(text).isdisjoint(things)


def focus(question: str) -> str:
    """The sentence of a long question that asks: the last with a question mark, or else the last.

    The topic that a follow-up carries in brackets stays with it.
    """
    sentences = [part.strip() for part in _SENTENCE.split(question) if part.strip()]
    asking = [part for part in sentences if "?" in part]
    return (asking or sentences or [question])[-1][-MOST_CHARS:]
