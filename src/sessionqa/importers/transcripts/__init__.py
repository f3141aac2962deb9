"""WebVTT, SRT and text with time stamps -> sessions: one of each file.

cues -> turns -> paragraphs that know their moment
"""

from sessionqa.importers.transcripts.transcript import is_transcript as is_transcript
from sessionqa.importers.transcripts.transcript import read as read
