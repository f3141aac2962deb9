"""Who speaks in a session, and as what, where its text says so plainly; never a guess."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sessionqa.datatypes import Speaker

_TALK = (
    r"(?:session|talk|presentation|keynote|workshop|breakout|panel|demo|tutorial|lecture|webinar|"
    r"masterclass|deep[- ]dive|fireside chat|roundtable)"
)
_DONE = r"(?:(?:co-?)?(?:led|presented|delivered|given|held|hosted|taught|moderated)|facilitated)"
# A quoted title, a code in brackets.
_ASIDE = re.compile(r"[\"“«][^\"“”«»]*[\"”»],?|\([^()\d]{0,60}\d[^()]{0,60}\)")
# "The session, titled ..., was led by": nothing between that could be led by somebody else.
_LED = re.compile(
    rf"\b{_TALK}\b(?P<between>(?:[^.;:]|[.:](?=\w)){{0,200}}?)\b{_DONE} by (?P<people>.+)",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"[\s,]*(?:(?:titled|entitled|called|named|was|were|is|are|and|here|this year)[\s,]*)*"
)
_TOPIC = re.compile(
    r"[\s,]*(?:titled|entitled|called|named|was|is)?[\s,]*"
    r"(?:on|about|covering|at|in)\s.+?(?:,\s*|\s(?:was|is)\s+)"
)
_CLAUSE = re.compile(
    r"\b(?:how|that|which|when|where|who|whose|because|while|as|after|before|project|migration|"
    r"team|effort|initiative|company|programme|program|tells|shows|covers|explores|\w+ed)\b",
    re.IGNORECASE,
)
# "The speakers, A and B, discussed"; "Speaker A discussed"; "Speakers: A and B."
_NAMED = re.compile(
    r"(?:\b(?:[Tt]he|[Oo]ur|[Ii]ts|[Bb]oth|Two|Three) (?:two |three |four )?"
    r"(?:co-)?(?:speakers?|presenters?|hosts?),?|^(?:Speakers?|Presenters?):?) (?P<people>.+)"
)
# "Presented by A and B.", "Talk by A, an engineer.": and nothing else.
_SIGNED = re.compile(rf"(?:{_DONE}|{_TALK}) by:? (?P<people>[^\W\d_].*)", re.IGNORECASE)
# "A, B", of whom the second may be a person or where the first is from.
_PAIR = re.compile(r"(?P<name>[^,;|/()&]+?)\s*,\s*(?P<other>(?!.*\s(?:and|with)\s)[^,;|/()&]+)")
# "a session, which A and B presented together"
_WHICH = re.compile(
    rf"\b{_TALK},? (?:which|that) (?P<people>[A-Z][^.;:]{{3,200}}?)\s"
    r"(?:(?:co-)?(?:presented|led|delivered|gave|held|hosted|taught|moderated))\b"
)
# "The presentation at GrainConf 2025 by A and B focused"
_BY = re.compile(
    rf"\b(?:The|This|A|An) (?:[\w'’:&-]+ ){{0,5}}?{_TALK}"
    r"(?: (?:at|from|of|in) (?:(?:the|[A-Z0-9][\w:&'’.-]*|re:\w+) ?){1,6})?,? ?by (?P<people>.+)"
)
# "This session featured A, an engineer"
_FEATURED = re.compile(
    rf"\b{_TALK}[\s,]*(?:featured|features|featuring|starred)\s+(?P<people>.+)", re.IGNORECASE
)
_ACTIVE = re.compile(
    rf"(?P<people>[^.;:]{{3,200}}?)\s(?:(?:co-)?(?:presented|led|delivered|gave|hosted|taught|moderated)"
    rf"|opened|kicked off|closed)\s(?:this|the)\s(?:[\w'’-]+ ){{0,2}}?{_TALK}\b"
    r"(?: (?:(?P<close>together |jointly |along ?side )(?:with )?|with )(?P<others>.+))?"
)
_IN_THIS = re.compile(
    rf"In this (?:[\w'’-]+ ){{0,3}}?{_TALK}(?! {_TALK}),?\s+(?P<people>[^.;:]{{3,200}}?)\s"
    r"(?:explain|show|walk|share|present|discuss|describe|talk|cover|dive|demonstrate|introduce|"
    r"argue|explore|tell|gave|went|took|told|spoke|compare|look|go|take|outline|detail|review|break|teach|examine|address|"
    r"highlight|unpack|guide|report|reveal|tackle|give|speak|recount|summari[sz]e)(?:s|es|d|ed)?\b"
)
# "In this talk, A, an engineer, bakes": whatever somebody of a profession does there.
_IN_THIS_ONE = re.compile(
    rf"In this (?:[\w'’-]+ ){{0,3}}?{_TALK}(?! {_TALK}),?\s+(?P<people>[^.;:]{{3,200}}?,)\s"
    r"[a-z]+(?:s|ed)\b"
)

_SPEAKS = (
    r"(?:says?|said|explain(?:s|ed)|show(?:s|ed)|shares?d?|walk(?:s|ed)|present(?:s|ed)|discuss(?:es|ed)|"
    r"describe[sd]|talk(?:s|ed)|covers?(?:ed)?|demonstrate[sd]|introduce[sd]|argue[sd]|emphasi[sz]e[sd]|"
    r"stress(?:es|ed)|highlight(?:s|ed)|recommend(?:s|ed)|began|begins|open(?:s|ed)|close[sd]|"
    r"conclude[sd]|focuse[sd]|told|tells|warn(?:s|ed)|point(?:s|ed)|advise[sd]|suggest(?:s|ed)|"
    r"continue[sd]|noted|notes)"
)

_ROLE_NOUNS = frozenset(
    "administrator advocate analyst architect author ceo chair chief cio ciso consultant coo cto "
    "designer developer director engineer evangelist executive expert fellow founder cofounder "
    "co-founder head hero lead leader lecturer maintainer manager officer operator owner partner "
    "physicist practitioner president principal producer professor programmer researcher "
    "scientist "
    "specialist strategist student svp technologist vp economist biologist astronomer editor "
    "journalist writer teacher trainer coach nurse doctor physician librarian statistician "
    "mathematician chemist geologist botanist curator planner technician".split()
)
_NOT_PEOPLE = frozenset(
    "amazon aws azure microsoft google apple meta ibm oracle cloud cloudfront services service "
    "team teams inc ltd gmbh corp corporation company labs lab "
    "laboratories foundation group university "
    "institute research systems technologies technology software solutions networks "
    "network media "
    "bank energy power industries consulting partners ventures studio studios college school "
    "academy agency association council department ministry government hospital the a an "
    "this our "
    "their his her its senior junior staff associate vice deputy chief global regional "
    "technical product general authority trust works port ministry  your my and or of in "
    "on at for from with by session talk day days week "
    "web llc ag engineering architecture operations product solution platform infrastructure "
    "digital data security marketing research distinguished sr expert moderator host netflix "
    "health capital financial insurance airlines international "
    "apache kafka kubernetes redis elastic load recovery balancing keynote conference "
    "summit lessons learned part chapter step how why what when where best "
    "practices introduction overview live new".split()
)
_PARTICLES = frozenset(
    "van von der den de da di du la le del della dos el al bin ibn ter ten y zu".split()
)
_HONORIFICS = frozenset("dr dr. prof prof. professor mr mr. mrs mrs. ms ms. sir".split())
# ", an engineer at B": to the next comma, or to the next person.
_APPOSED = re.compile(
    r",\s+(?P<role>(?:(?!,|;|\. |\.$|\sand\s(?:[A-Z]\S+\s){2}|\swho\b|\sand\s[A-Z]\S+,).)+)"
)
# "Dr. Byrne" is no end of a sentence.
_NEXT_SENTENCE = re.compile(
    r"(?<=[a-z0-9)][.!?])(?<!\bDr\.)(?<!\bProf\.)(?<!\bMrs\.)(?<!\bM[rs]\.)\s+(?=[A-Z])"
)
_BRACKETED = re.compile(r"\s*\((?P<role>[^()]{2,80})\)")
_FROM = re.compile(r"\s+(?P<role>(?:from|of) (?:the )?(?:[A-Z][\w&'’.-]*(?: (?=[A-Z])|(?=\W|$)))+)")
_ALONE = re.compile(
    r"(?P<name>[^,(–—|;&]+?)\s*(?:\((?P<within>[^()]+)\)"
    r"|[,–—|]\s*(?P<role>(?:(?!\s(?:and|&)\s(?:[A-Z]\S+ ?){2}|;).)+))"
)
_WORD = re.compile(r"\S+")
_MAX_ROLE_WORDS = 16


@dataclass(frozen=True, slots=True)
class _Read:
    """A person who was read, or none where there was a single name, and where the rest begins."""

    speaker: Speaker | None
    rest: str


def is_name(text: str) -> bool:
    """Whether it is written as a person's whole name: two to five words, each with a capital."""
    words = text.split()
    if re.search(r"[,;:()]", text):
        return False
    if not 2 <= len(words) <= 5 or not _is_capital(words[-1]) or not _is_capital(words[0]):
        return False
    return all(_is_capital(word) or word in _PARTICLES for word in words) and not any(
        _plain(word) in _NOT_PEOPLE or _plain(word) in _ROLE_NOUNS for word in words
    )


def in_text(paragraphs: Sequence[str]) -> tuple[Speaker, ...]:
    """The speakers whom the first of these paragraphs name as such."""
    found: dict[str, Speaker] = {}
    for paragraph in paragraphs[:2]:
        for speaker in _plainly(paragraph):
            found.setdefault(speaker.name, speaker)
        if found:
            break
    return tuple(found.values())


def are_known(speakers: Sequence[Speaker], text: str) -> bool:
    """Whether `text` speaks of all of them as of people who speak."""
    return bool(speakers) and all(
        re.search(
            rf"\b(?:{re.escape(one.name)}|{re.escape(one.name.split()[-1])})"
            rf"(?:,[^,.]{{3,80}},)? (?:then |also |further )?{_SPEAKS}\b"
            rf"|\bby {re.escape(one.name)}\b",
            text,
        )
        for one in speakers
    )


def in_field(value: str, alone: bool = False) -> tuple[tuple[Speaker, ...], bool]:
    """The speakers of a line such as "Speakers: A (role), B", and whether all of it was read.

    `alone` where it tells of one: what follows the name is then what that person is. Sentences
    that follow are not read.
    """
    first, *others = _NEXT_SENTENCE.split(value.strip(), maxsplit=1)
    if others:
        return in_field(first, alone)[0], False
    if alone and (one := _alone(value.strip(" ."))):
        return (one,), True
    parts = [part for part in re.split(r"\s*[;|/]\s*", value.strip(" .")) if part]
    if len(parts) > 1:
        read = [_one(part) or _alone(part) for part in parts]
        return tuple(one for one in read if one), all(read)
    return _of_list(value.strip(" ."))


def in_by_line(value: str) -> tuple[tuple[Speaker, ...], bool]:
    """The same of what stands behind "by", where "A, B" may be a person and a company as well.

    What is written as a person's name may be either: then nothing is said of it, and not all read.
    """
    if (pair := _pair(value)) is None:
        return in_field(value)
    name, other = pair
    if is_name(_named(other)):
        return (Speaker(name),), False
    return (Speaker(name, _role(other)),), True


def _pair(text: str) -> tuple[str, str] | None:
    """The person and what is named behind one comma, of "A, B"; None for anything else."""
    found = _PAIR.fullmatch(text.strip(" ."))
    if found is None or not is_name(_named(found["name"])) or not found["other"][0].isupper():
        return None
    return _named(found["name"]), found["other"]


def _alone(text: str) -> Speaker | None:
    """A person and, behind a comma, a dash or in brackets, whatever that person is."""
    found = _ALONE.fullmatch(text)
    if found is None or not is_name(_named(found["name"])):
        return None
    return Speaker(_named(found["name"]), _role(found["within"] or found["role"]))


def _paired(text: str) -> tuple[Speaker, ...]:
    """The people of "A, X and B, Y", which is no list of four; empty for anything else."""
    pairs = [_pair(part) for part in re.split(r"\s+(?:and|&)\s+", text)]
    found = tuple(Speaker(pair[0], _role(pair[1])) for pair in pairs if pair)
    return found if 1 < len(found) == len(pairs) else ()


def _of_list(value: str) -> tuple[tuple[Speaker, ...], bool]:
    """Names parted by commas, some with what they are behind them."""
    if one := _one(value):
        return (one,), True
    if paired := _paired(value):
        return paired, True
    found: list[Speaker] = []
    whole = True
    in_role = False
    for part in re.split(r"(\s*,\s*(?:and|&)\s+|\s+(?:and|&|with)\s+|\s*,\s*)(?![^(]*\))", value):
        text = part.strip()
        if re.fullmatch(r",?\s*(?:and|&|with)?", text):
            # Behind "and" a person comes, behind a comma perhaps a company.
            in_role = in_role and text == ","
            continue
        one = _bracketed(text)
        if one and not in_role:
            found.append(one)
        elif found and _is_role(text) and not found[-1].role:
            found[-1] = Speaker(found[-1].name, _role(text))
            in_role = True
        else:
            whole = False
    return tuple(found), whole and bool(found)


def _one(text: str) -> Speaker | None:
    """A person alone: "A", "A (role)", "A, role", "A - role"."""
    if one := _bracketed(text):
        return one
    found = re.fullmatch(r"(?P<name>[^,(–—]+?)\s*(?:,|\s[-–—])\s*(?P<role>[^;]+)", text)
    if found is None or not is_name(_named(found["name"])):
        return None
    if not _is_role(found["role"]) or not _opens_role(found["role"]):
        return None
    others = re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", found["role"])[1:]
    if any(is_name(re.sub(r"\s*\(.*", "", other)) for other in others):
        return None
    return Speaker(_named(found["name"]), _role(found["role"]))


def _bracketed(text: str) -> Speaker | None:
    found = re.fullmatch(r"(?P<name>[^()]+?)\s*(?:\((?P<role>[^()]+)\))?", text)
    if found is None or not is_name(_named(found["name"])):
        return None
    return Speaker(_named(found["name"]), _role(found["role"] or ""))


def _plainly(paragraph: str) -> Iterator[Speaker]:
    bare = " ".join(_ASIDE.sub(" ", paragraph).split()).replace(" ,", ",")
    for sentence in _NEXT_SENTENCE.split(bare):
        yield from _who(sentence)


def _who(sentence: str) -> Iterator[Speaker]:
    """Whom a sentence says to present."""
    for found in _LED.finditer(sentence):
        between = re.sub(r"\s*\([^()]*\)", "", found["between"])
        if _BARE.fullmatch(between) or (_TOPIC.fullmatch(between) and not _CLAUSE.search(between)):
            yield from _enumerated(found["people"])
            return
    for pattern in (_BY, _NAMED):
        if named := pattern.search(sentence):
            yield from _enumerated(named["people"])
            return
    if featured := _FEATURED.search(sentence):
        # Products are featured as well, but are nothing by profession.
        yield from (one for one in _enumerated(featured["people"]) if one.role)
        return
    if signed := _SIGNED.fullmatch(sentence):
        speakers, whole = in_by_line(signed["people"])
        yield from speakers if whole or _pair(signed["people"]) else ()
        return
    yield from _who_acts(sentence)


def _who_acts(sentence: str) -> Iterator[Speaker]:
    """Whom a sentence has as its subject, doing what speakers do."""
    told = (
        _WHICH.search(sentence)
        or _ACTIVE.match(sentence)
        or _IN_THIS.match(sentence)
        or _IN_THIS_ONE.match(sentence)
    )
    if told is None or not _ends_with_people(told["people"]):
        return
    found = _enumerated(told["people"])
    # Anything may do anything, but a profession is somebody's.
    yield from (one for one in found if one.role or told.re is not _IN_THIS_ONE)
    if told.re is _ACTIVE:
        # With a product something is presented as well.
        others = _enumerated(told["others"] or "")
        yield from (one for one in others if one.role or told["close"])


def _ends_with_people(text: str) -> bool:
    """Whether it is people and their roles from end to end."""
    first = re.split(",| and ", text, maxsplit=1)[0]
    return is_name(_named(first)) and len(text.split()) <= 30


def _enumerated(text: str) -> Iterator[Speaker]:
    """The people whom a text begins with: "A, an engineer at B, and C, a manager, spoke"."""
    if paired := _paired(text.strip(" .")):
        yield from paired
        return
    first = True
    while text:
        read = _person(text)
        if read is None:
            return
        if read.speaker:
            yield read.speaker
        # Of two and no more the second may be where the first is from.
        last = re.fullmatch(r"\s*,\s+(?P<name>[^,;:()]+?)[\s.]*", read.rest)
        if first and last and is_name(_named(last["name"])):
            return
        first = False
        following = re.match(r"\s*(?:,\s*(?:and|&)\s+|,\s*|\s(?:and|&)\s+)(?:by\s+)?", read.rest)
        if following is None:
            return
        text = read.rest[following.end() :]


def _person(text: str) -> _Read | None:
    """The person whom `text` begins with, None if it begins with anything else."""
    words = list(_WORD.finditer(text))
    start = 0
    # "principal engineer A B"
    while start < min(len(words), 8) and words[start][0][:1].islower():
        start += 1
    before = " ".join(word[0] for word in words[:start])
    if start and not (_is_role(before) and "," not in before and " and " not in f" {before} "):
        return None
    end = start
    while end < len(words):
        word = words[end][0]
        follows = end + 1 < len(words) and _is_of_name(words[end + 1][0])
        if word.startswith("(") or not (
            _is_capital(word) or (word in _PARTICLES and end > start and follows)
        ):
            break
        end += 1
        if word[-1] in ",;:)" or (
            word.endswith(".") and len(word) > 2 and word.casefold() not in _HONORIFICS
        ):
            break
    if end == start:
        return None
    run = text[words[start].start() : words[end - 1].end()]
    bare = run.rstrip(".,;:")
    rest = text[words[start].start() + len(bare) :]
    role, name = _split_run(bare)
    role = role or _role(before)
    if not is_name(name):
        # A first name alone is nobody; the list may go on behind it.
        alone = len(name.split()) == 1 and _plain(name) not in _NOT_PEOPLE
        return _Read(None, _behind(rest)[1]) if alone else None
    told, rest = _behind(rest)
    return _Read(Speaker(name, role or told), rest)


def _split_run(run: str) -> tuple[str, str]:
    """Words with capitals -> a role that may stand before the name, and the name."""
    words = run.split()
    last = max((n for n, word in enumerate(words) if _plain(word) in _ROLE_NOUNS), default=-1)
    if last >= 0 and last + 1 < len(words):
        return " ".join(words[: last + 1]), _named(" ".join(words[last + 1 :]))
    owner = next((n for n, word in enumerate(words) if re.search(r"['’]s?$", word)), -1)
    return "", _named(" ".join(words[owner + 1 :]))


def _behind(rest: str) -> tuple[str, str]:
    """The role behind a name, if there is one, and what follows it."""
    if bracketed := _BRACKETED.match(rest):
        inside = bracketed["role"]
        # Pronouns are no role.
        return ("" if "/" in inside else _role(inside)), rest[bracketed.end() :]
    apposed = _APPOSED.match(rest)
    if apposed and _is_role(apposed["role"]) and _opens_role(apposed["role"]):
        return _role(apposed["role"]), rest[apposed.end() :]
    if company := _FROM.match(rest):
        return _role(company["role"]), rest[company.end() :]
    return "", rest


def _opens_role(text: str) -> bool:
    """Whether a role stands there, and no sentence that goes on."""
    return not re.search(
        r"\b(?:who|was|were|is|are|has|have|had|will|would|can|could|discuss\w*|focus\w*|explain\w*|"
        r"show(?:s|ed)|present(?:s|ed)|explor\w*|cover\w*|describ\w*|walk\w*|shared?s?)\b",
        text,
    )


def _is_role(text: str) -> bool:
    words = text.split()
    return len(words) <= _MAX_ROLE_WORDS and any(
        part in _ROLE_NOUNS for word in words for part in (_plain(word), *_plain(word).split("-"))
    )


def _role(text: str) -> str:
    return re.sub(r"^(?:an?|the|our)\s+", "", " ".join(text.split()).strip(" ,.;"))


def _named(text: str) -> str:
    words = text.split()
    while words and words[0].casefold() in _HONORIFICS:
        words = words[1:]
    return " ".join(words).strip(" ,;:")


def _is_of_name(word: str) -> bool:
    return _is_capital(word) or word in _PARTICLES


def _is_capital(word: str) -> bool:
    bare = word.strip("\"'“”‘’(),;:")
    return bool(bare) and bare[0].isupper() and all(ch.isalpha() or ch in "'’.-" for ch in bare)


def _plain(word: str) -> str:
    return word.strip("\"'“”‘’(),;:.").casefold().removesuffix("'s").removesuffix("’s")
