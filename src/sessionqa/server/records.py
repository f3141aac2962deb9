"""What the API is given and gives, as its OpenAPI page describes it."""

from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from sessionqa.assistant import MAX_QUESTION_CHARS, MOST_TURNS
from sessionqa.datatypes import Answer, Citation, Hit, Passage, Session
from sessionqa.facets import FIELDS
from sessionqa.filters import MAX_CHARS, parse, where

# A request for more passages than this is a mistake.
MOST_HITS = 1000
# Of a field, more values than this are a mistake too.
MOST_VALUES = 100
# Earlier questions beyond those that are looked at are left out, and so many are taken.
MOST_HISTORY = 50 * MOST_TURNS

Text = Annotated[str, Field(min_length=1, max_length=MAX_QUESTION_CHARS)]
Count = Annotated[int, Field(ge=1, le=MOST_HITS)]
Value = Annotated[str, Field(max_length=MAX_CHARS)] | int
Values = Annotated[list[Value], Field(max_length=MOST_VALUES)]
Wanted = Annotated[
    Annotated[str, Field(min_length=1, max_length=MAX_CHARS)]
    | Annotated[
        dict[str, Value | Values],
        Field(max_length=len(FIELDS), json_schema_extra={"propertyNames": {"enum": [*FIELDS]}}),
    ],
    Field(
        description="Only sessions that pass: an expression, such as level>=300 and "
        f'service="DynamoDB", or an object of {", ".join(FIELDS)}, each with a value or several '
        "of which one is enough.",
        examples=[{"level": [300, 400]}, "level>=300"],
    ),
]


class Given(BaseModel):
    """A request: what it does not know it does not take."""

    model_config = ConfigDict(extra="forbid")


class Asked(Given):
    """A question, and what it is to be answered from."""

    question: Annotated[Text, Field(examples=["What is shuffle sharding?"])]
    k: Annotated[Count | None, Field(description="How many passages to look at.")] = None
    history: Annotated[
        list[Annotated[str, Field(max_length=MAX_QUESTION_CHARS)]],
        Field(max_length=MOST_HISTORY, description="Earlier questions, oldest first."),
    ] = []
    filters: Wanted | None = None
    llm: Annotated[
        Literal["extractive"] | None,
        Field(
            description="Who writes the answer: extractive for quotes alone; left out, the "
            "language model that the server was started with, if it was with any."
        ),
    ] = None


class Searched(Given):
    """A query, and what is searched."""

    query: Annotated[Text, Field(examples=["static stability"])]
    k: Annotated[Count | None, Field(description="How many passages to give.")] = None
    filters: Wanted | None = None


def filter_text(wanted: str | dict[str, Value | list[Value]] | None) -> str:
    """The filter as text; empty without one. Raises UsageError for one that is none."""
    if wanted is None or isinstance(wanted, str):
        return str(parse(wanted)) if wanted is not None else ""
    return str(where(**wanted))


class Problem(BaseModel):
    """What is wrong with a request, or with the server."""

    message: str
    type: str
    param: str | None
    code: str | None


class Failed(BaseModel):
    """Every answer that is none of 200."""

    error: Problem


def _described(name: str, record: type, *left_out: str, **more: Any) -> type[BaseModel]:
    """A model of the fields of a dataclass but for those, and `more`."""
    assert is_dataclass(record)
    types = get_type_hints(record)
    own: dict[str, Any] = {
        one.name: (types[one.name], ... if one.default is MISSING else one.default)
        for one in fields(record)
        if one.name not in left_out
    }
    made: type[BaseModel] = create_model(name, __doc__=record.__doc__, **{**more, **own})
    return made


HitRecord = _described(
    "Hit",
    Hit,
    "passage",
    passage_id=(str, ...),
    **{one.name: (get_type_hints(Passage)[one.name], ...) for one in fields(Passage)[1:]},
)
AnswerRecord = _described("Answer", Answer, "hits", hits=(list[HitRecord], ...))  # type: ignore[valid-type]
SessionRecord = _described("Session", Session)
SessionHead = _described("SessionHead", Session, "text", "marks")
CitationRecord = _described("Citation", Citation)
