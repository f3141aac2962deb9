"""Everything that can go wrong in a way a user can mend.

    SessionQAError
    |-- UsageError        the question or an option is unusable           (exit code 2)
    |-- SettingsError     sessionqa.toml or the environment is wrong      (exit code 2)
    |-- SourceError       a source cannot be imported                     (exit code 3)
    |-- CorpusError       a corpus folder or file cannot be read          (exit code 3)
    |-- IndexUnusable     there is no index, or it must not be trusted    (exit code 3)
    |   |-- IndexMissing  nothing has been built there yet
    |   `-- IndexDamaged  truncated, altered, or made by another version
    |-- ModelError        a model's weights are absent or altered         (exit code 3)
    |   `-- ExportFailed  it cannot be made a model of ONNX Runtime's
    |-- LLMError          a language model cannot be had, or gave up    (exit code 3)
    |-- ModuleMissing     a package that it takes is not installed        (exit code 3)
    |-- WriteError        a file of the user's cannot be written to       (exit code 3)
    |-- ServerError       it cannot be served there                       (exit code 3)
    |-- ClusterError      there is no Ray, or its workers gave up         (exit code 3)
    `-- OutgoingRefused   another machine was to be called, while offline (exit code 3)

A message is one line: what happened, where, and how to mend it.
"""

import re

# What would end the line, or reach a terminal as a command, from a name or value in a message.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# A name in it may be of any length: it is cut in the middle, since the remedy stands at the end.
MAX_CHARS = 2000


class SessionQAError(Exception):
    """The root; `exit_code` is what the command line returns for it."""

    exit_code = 3

    def __str__(self) -> str:
        line = _CONTROLS.sub(" ", super().__str__())
        half = MAX_CHARS // 2
        return line if len(line) <= MAX_CHARS else f"{line[:half]} ... {line[-half:]}"


class UsageError(SessionQAError):
    """The question or an option is unusable."""

    exit_code = 2


class SettingsError(SessionQAError):
    """sessionqa.toml or the environment is wrong."""

    exit_code = 2


class CorpusError(SessionQAError):
    """A corpus folder or file cannot be read."""


class SourceError(SessionQAError):
    """A source cannot be imported."""


class IndexUnusable(SessionQAError):
    """There is no index, or it must not be trusted."""


class IndexMissing(IndexUnusable):
    """Nothing has been built there yet."""


class IndexDamaged(IndexUnusable):
    """The index is truncated, altered, or made by another version."""


class ModelError(SessionQAError):
    """A model's weights are absent or altered, or it is not of the kind that is needed."""


class ExportFailed(ModelError):
    """A model cannot be made one of ONNX Runtime's."""


class LLMError(SessionQAError):
    """A language model cannot be had, or gave up in the middle."""


class ModuleMissing(SessionQAError):
    """A package is not installed: of one of our extras, or one that only building takes."""


class WriteError(SessionQAError):
    """A file of the user's cannot be written to."""


class ServerError(SessionQAError):
    """It cannot be served there, or not without a token or a password."""


class ClusterError(SessionQAError):
    """No Ray is there, or its workers cannot go on."""


class OutgoingRefused(SessionQAError):
    """Another machine was to be called, and `offline` is set."""


def first_line(error: Exception) -> str:
    """What a foreign error says, short enough to stand inside a message of ours."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
