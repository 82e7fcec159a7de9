"""The page of quality: how often answers are right, and whether the confidence comes true, by what people said."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from spanstream.consumer.desk.view.judging import LEAST, judge
from spanstream.consumer.desk.web.rendering import parts_of, render

router = APIRouter()


@router.get("/quality")
def show_quality(request: Request) -> Response:
    """Shows the page."""
    return render(request, "quality.html", quality=judge(parts_of(request).view), least=LEAST)
