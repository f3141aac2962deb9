"""What goes wrong with a request, as one JSON object whatever it was: {"error": {...}}."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response


def error(
    status: int, message: str, headers: Mapping[str, str] | None = None, kind: str = ""
) -> Response:
    """An answer of that status. OpenAI's clients read the same shape.

    `kind` names the error for programs; by default it is the status in words.
    """
    words = HTTPStatus(status).phrase.casefold().replace(" ", "_")
    content = {"error": {"message": message, "type": kind or words, "param": None, "code": None}}
    body = json.dumps(content, ensure_ascii=True).encode()
    return Response(body, status, dict(headers or {}), "application/json")
