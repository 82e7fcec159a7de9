"""The page of quality: what people said of the answers, and whether the work is still what the model was made for."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from spanstream.consumer.desk.drift_comparison import LATEST
from spanstream.consumer.desk.view.judging import LEAST, judge
from spanstream.consumer.desk.web.rendering import parts_of, render
from spanstream.consumer.errors import SpanstreamError
from spanstream.models.defaults import DRIFT_LIMIT
from spanstream.models.drift.comparison import LEAST_QUESTIONS

router = APIRouter()


@router.get("/quality")
def show_quality(request: Request) -> Response:
    """Shows the page; with `drift`, the latest answers are compared anew."""
    parts, problem = parts_of(request), None
    if "drift" in request.query_params:
        try:
            parts.drift.compare()
        except SpanstreamError as error:
            problem = str(error)
    return render(
        request,
        "quality.html",
        quality=judge(parts.view),
        least=LEAST,
        drift=parts.drift.last,
        drift_made_ms=parts.drift.made_ms,
        drift_problem=problem,
        drift_limit=DRIFT_LIMIT,
        drift_latest=LATEST,
        drift_least=LEAST_QUESTIONS,
    )
