"""A transcript with times -> one Draft, whose paragraphs know their moment of the recording."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from sessionqa.datatypes import Speaker
from sessionqa.errors import SourceError
from sessionqa.importers.decode import decode
from sessionqa.importers.drafts import Block, Draft, Imported, Source, places
from sessionqa.importers.titles import Titled, read_name, read_title
from sessionqa.importers.transcripts import cues
from sessionqa.importers.transcripts.cues import Captions, Cue
from sessionqa.sentences import sentence_spans

# A paragraph lasts so long at most, in ms, unless its only sentence is longer, ...
PARAGRAPH = 45_000
# ... and ends before a pause of so much.
PAUSE = 4_000
# A sentence that lasts longer is none: its full stops are missing.
LONGEST_SENTENCE = 60_000
# A text with fewer ends of sentences than one in so many words has no punctuation.
WORDS_PER_SENTENCE = 60

_END = re.compile(r"[.!?。！？][\"'”’)\]]*(?=\s|$)")


@dataclass(frozen=True, slots=True)
class _Said:
    """A sentence, or the words of one cue where there are no sentences; times in ms."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one voice says without a break; `voice` is empty for one who is not named."""

    voice: str
    cues: Sequence[Cue]


def is_transcript(text: str) -> bool:
    """Whether `text` is WebVTT, SRT, or has time stamps in many lines, in their order."""
    return cues.is_transcript(text.removeprefix("\ufeff"))


def read(source: Source) -> Imported:
    """The session of a transcript: WebVTT, SRT or text with time stamps.

    Its paragraphs are of whole sentences, each with the moment of the cue that its first word is
    in. The title is that of the WebVTT header, else the line before the first stamp, else the name
    of the file, and may tell the code, the event, the year and the video as well. Raises
    SourceError if there is no cue in it, or too many.
    """
    decoded = decode(source)
    captions = cues.read_cues(decoded.text, source.name)
    turns = list(_turns(captions.cues))
    if not turns:
        raise SourceError(
            f"{source.name} has no words with a time: a transcript is WebVTT, SRT or lines such "
            "as [12:34] text"
        )
    titled, before = _titled(source, captions)
    draft = Draft(
        title=titled.title,
        body=(*map(Block, before), *_paragraphs(turns)),
        code=titled.code,
        event=titled.event,
        year=titled.year,
        speakers=_speakers(captions.cues),
        url=titled.url,
        video_title=titled.video_title,
    )
    return Imported([draft], (*decoded.notes, *_notes(captions)))


def _notes(captions: Captions) -> Iterator[str]:
    if lines := captions.malformed:
        yield f"cues without a time that can be read, left out: {len(lines)} (line {places(lines)})"


def _titled(source: Source, captions: Captions) -> tuple[Titled, Sequence[str]]:
    """What title and name tell together, and the lines before the first stamp that are no title."""
    named = read_name(source.name)
    before = captions.before
    line = captions.title or (before[0] if before else "")
    if not line:
        return named, before
    own = read_title(line)
    titled = replace(
        own,
        code=own.code or named.code,
        event=own.event or named.event,
        year=own.year or named.year,
        video_title=own.video_title or named.video_title,
        url=named.url,
    )
    return titled, before if captions.title else before[1:]


def _speakers(said: Iterable[Cue]) -> tuple[Speaker, ...]:
    """Those whom tags of WebVTT name in full."""
    names = dict.fromkeys(cue.voice for cue in said if cue.tagged and cue.voice)
    return tuple(
        Speaker(name) for name in names if re.fullmatch(r"[^\W\d_]\S*(?: [^\W\d_]\S*)+", name)
    )


def _turns(said: Sequence[Cue]) -> Iterator[_Turn]:
    """The cues in groups of one voice; a voice that is not told anew goes on."""
    number, voice = 0, ""
    numbered: list[tuple[int, str, Cue]] = []
    for cue in said:
        if cue.voice is not None and (cue.voice != voice or not voice):
            number, voice = number + 1, cue.voice
        if cue.lines[0]:
            numbered.append((number, voice, cue))
    for (_, name), group in groupby(numbered, key=lambda one: one[:2]):
        yield _Turn(name, [cue for *_, cue in group])


def _paragraphs(turns: Sequence[_Turn]) -> Iterator[Block]:
    texts = [" ".join(cue.lines[0] for cue in turn.cues) for turn in turns]
    ends = sum(len(_END.findall(text)) for text in texts)
    punctuated = ends * WORDS_PER_SENTENCE >= sum(len(text.split()) for text in texts)
    before = ""
    for turn, text in zip(turns, texts, strict=True):
        said = _sentences(turn.cues, text) if punctuated else map(_whole, turn.cues)
        opening = f"{_spelt(turn.voice)}: " if turn.voice and turn.voice != before else ""
        before = turn.voice
        for paragraph in _grouped(said):
            words = " ".join(one.text for one in paragraph)
            yield Block(opening + words, seconds=paragraph[0].start // 1000)
            opening = ""


def _whole(cue: Cue) -> _Said:
    return _Said(cue.lines[0], cue.start, cue.end)


def _sentences(said: Sequence[Cue], text: str) -> Iterator[_Said]:
    """The sentences of `text`, which are the cues' words; what lasts too long, cue by cue."""
    starts = [0, *(start for start, _ in sentence_spans(text)[1:])]
    offset, places = 0, list[int]()
    for cue in said:
        places.append(offset)
        offset += len(cue.lines[0]) + 1
    first = 0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        while first + 1 < len(said) and places[first + 1] <= start:
            first += 1
        last = first
        while last + 1 < len(said) and places[last + 1] < end:
            last += 1
        if said[last].end - said[first].start <= LONGEST_SENTENCE:
            yield _Said(text[start:end].strip(), said[first].start, said[last].end)
            continue
        for n in range(first, last + 1):
            stop = places[n + 1] if n < last else end
            part = text[max(places[n], start) : stop].strip()
            yield _Said(part, said[n].start, said[n].end)


def _grouped(said: Iterable[_Said]) -> Iterator[list[_Said]]:
    """The sentences of each paragraph."""
    paragraph: list[_Said] = []
    for one in said:
        if paragraph and (
            one.start - paragraph[-1].end >= PAUSE or one.end - paragraph[0].start > PARAGRAPH
        ):
            yield paragraph
            paragraph = []
        paragraph.append(one)
    if paragraph:
        yield paragraph


def _spelt(voice: str) -> str:
    """MIKE HAGEN as Mike Hagen; a single word in capitals may be an abbreviation."""
    return voice.title() if voice.isupper() and " " in voice else voice
