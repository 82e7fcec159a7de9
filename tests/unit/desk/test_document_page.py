"""The pages of a document and of an answer: the marks in the text, long and hostile texts, what is not there."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.desk.view.marking import Mark, stretches
from spanstream.consumer.desk.web.text_page import PAGE_CHARS
from spanstream.schemas.answer_parts import Alternative, Place, RetrievedPassage, Span
from tests.support.desk.desk_scene import HOSTILE, DeskScene, browser_of

TEXT = "Since Tuesday the nightly export stops with error FXP-4107. \N{GRINNING FACE} That is all."


def plain(page: str) -> str:
    """Returns what stands in the text of a page, without the marks' numbers."""
    [text] = re.findall(r'<pre class="text"[^>]*>(.*?)</pre>', page, re.DOTALL)
    return re.sub(r"<[^>]+>", "", re.sub(r"<sup.*?</sup>", "", text))


def test_answers_are_marked_in_their_place_each_with_its_number() -> None:
    scene = DeskScene()
    document = scene.document(TEXT, title="The export")
    scene.answer(document, "Which error?", "FXP-4107")
    scene.answer(document, "Since when?", "Tuesday")
    scene.answer(document, "How is he?", "\N{GRINNING FACE}", 0.2, declined=True)
    with scene.open() as parts:
        page = browser_of(parts).get("/document?id=ticket-1").text
    assert '<h1 dir="auto">The export</h1>' in page
    assert (
        '<mark id="a1" class="q1"><bdi>Tuesday</bdi></mark><sup class="q1"><span class="away">answer </span>1</sup>'
        in page
    )
    assert '<mark id="a2" class="q2"><bdi>FXP-4107</bdi></mark>' in page
    assert '<mark id="a3" class="q3 guess"><bdi>\N{GRINNING FACE}</bdi></mark>' in page
    assert plain(page) == TEXT


def test_of_two_answers_to_a_question_the_later_one_is_marked() -> None:
    scene = DeskScene()
    document = scene.document(TEXT)
    scene.answer(document, "Which error?", "error", question_id="q")
    scene.answer(document, "Which error?", "FXP-4107", question_id="q")
    with scene.open() as parts:
        page = browser_of(parts).get("/document?id=ticket-1").text
    assert re.findall(r"<mark[^>]*><bdi>(.*?)</bdi>", page) == ["FXP-4107"]


def test_the_explanation_ranks_as_many_answers_as_the_question_asked_for() -> None:
    scene = DeskScene()
    document = scene.document("The export stops with error FXP-4107, and the import with error FXP-4200.")
    scene.answer(document, "Which error?", "FXP-4107", question_id="several", max_answers=3)
    scene.answer(document, "Which error?", "FXP-4107", question_id="one")
    with scene.open() as parts:
        browser, places = browser_of(parts), {row.question_id: row.place for row in parts.view.answers.all()}
        several, one = (browser.get(f"/answer?place={places[name]}&explain=1").text for name in ("several", "one"))
    ranks = several.partition("Answers of all windows")[2].partition("</table>")[0]
    assert re.findall(r'<th scope="row">(\d)</th>', ranks) == ["1", "2", "3"]
    assert "FXP-4107" in ranks
    assert "FXP-4200" in ranks
    assert "Why this answer" in one
    assert "Answers of all windows" not in one


def test_an_answer_out_of_an_earlier_version_is_told_and_not_marked() -> None:
    scene = DeskScene()
    answer = scene.answer(scene.document(TEXT), "Which error?", "FXP-4107")
    scene.document("Another text altogether, as long as the first one was, with an error.")
    with scene.open() as parts:
        browser = browser_of(parts)
        page = browser.get("/document?id=ticket-1").text
        [place] = [row.place for row in parts.view.answers.all()]
        of_answer = browser.get(f"/answer?place={place}").text
    assert "of an earlier version" in page
    assert "<mark" not in page
    assert "The document has changed since this answer was given" in of_answer
    assert answer.answer is not None
    assert answer.answer.text in of_answer


def test_a_deleted_document_leaves_its_answers_without_a_text() -> None:
    scene = DeskScene()
    scene.answer(scene.document(TEXT), "Which error?", "FXP-4107")
    scene.send("qa.documents", "ticket-1", None)
    with scene.open() as parts:
        page = browser_of(parts).get("/document?id=ticket-1").text
    assert "The text is not here." in page
    assert "nightly export" not in page


@pytest.mark.parametrize(
    "address", ["/document", "/document?id=nobody", "/answer", "/answer?place=0-7", "/answer?place=0"]
)
def test_what_is_not_there_is_a_page_that_says_so(address: str) -> None:
    with DeskScene().open() as parts:
        reply = browser_of(parts).get(address)
    assert reply.status_code == 404
    assert "looks back only so far" in reply.text


def test_a_megabyte_in_one_line_is_shown_in_pages_that_stay_small() -> None:
    scene = DeskScene()
    text = HOSTILE * 3 + "x" * 900_000 + " the end is E-9 here"
    document = scene.document(text, document_id=HOSTILE.replace("\x00", ""), title=HOSTILE)
    scene.answer(document, "Which?", "E-9")
    scene.answer(document, "Long?", text[100:800_000])
    with scene.open() as parts:
        browser = browser_of(parts)
        pages = {row.question_id: f"/answer?place={row.place}" for row in parts.view.answers.all()}
        for address in pages.values():
            page = browser.get(address).text
            assert len(page) < 10 * PAGE_CHARS
            assert "<script>alert" not in page
            assert "\u202e" not in page
            assert "<img" not in page
        assert '<mark id="a1" class="q1"><bdi>E-9</bdi></mark>' in browser.get(pages["q-1"]).text
        at_beginning = browser.get(f"{pages['q-1']}&at=0").text
        assert "⟨U+202E⟩" in at_beginning
        assert 'rel="next"' in at_beginning


def test_every_page_of_a_text_together_is_the_text() -> None:
    scene = DeskScene()
    text = " ".join(f"word{number}" for number in range(6_000))
    scene.answer(scene.document(text), "Which?", "word1700 word1701 word1702")
    with scene.open() as parts:
        browser = browser_of(parts)
        places = range(0, len(text), PAGE_CHARS)
        shown = [plain(browser.get(f"/document?id=ticket-1&at={place}").text) for place in places]
    assert "".join(shown) == text


SPANS = st.tuples(st.integers(0, 30), st.integers(1, 12), st.integers(1, 9)).map(
    lambda drawn: Mark(drawn[0], drawn[0] + drawn[1], drawn[2])
)


@given(st.text(max_size=40), st.lists(SPANS, max_size=6), st.integers(0, 20), st.integers(0, 45))
def test_stretches_tile_the_text_and_each_mark_ends_once(text: str, marks: list[Mark], begin: int, end: int) -> None:
    pieces = list(stretches(text, begin, end, marks))
    assert "".join(piece.text for piece in pieces) == text[begin:end]
    ends = [mark for piece in pieces for mark in piece.ending]
    last = min(end, len(text))
    within = [mark for mark in marks if begin < mark.char_end <= last and mark.char_start < last and begin < last]
    assert sorted(map(repr, ends)) == sorted(map(repr, within))


def test_alternatives_are_marked_each_with_its_number_at_all_its_places() -> None:
    text = "FXP-4107 on Tuesday, FXP-4108 on Friday. FXP-4107 again, then FXP-4108."
    scene = DeskScene()
    other = Alternative(
        span=Span(text="FXP-4108", char_start=21, char_end=29),
        further_places=[Place(char_start=62, char_end=70)],
        confidence=0.2,
        null_score_diff=-0.5,
        window=1,
    )
    further = [Place(char_start=41, char_end=49)]
    scene.answer(scene.document(text), "Which errors?", "FXP-4107", further_places=further, alternatives=[other])
    with scene.open() as parts:
        [place] = [row.place for row in parts.view.answers.all()]
        page = browser_of(parts).get(f"/answer?place={place}").text
    assert "Answers, the best first" in page
    assert len(re.findall(r'class="q1"><bdi>FXP-4107</bdi>', page)) == 2
    assert len(re.findall(r'class="q2 guess"><bdi>FXP-4108</bdi>', page)) == 2


def answer_page(scene: DeskScene) -> str:
    with scene.open() as parts:
        [place] = [row.place for row in parts.view.answers.all()]
        return browser_of(parts).get(f"/answer?place={place}").text


def test_an_answer_of_a_collection_shows_its_document_the_passages_and_other_documents_answers() -> None:
    scene = DeskScene()
    other = Alternative(
        span=Span(text="GL-88", char_start=2, char_end=7),
        confidence=0.2,
        null_score_diff=-0.5,
        window=1,
        document_id="kb/8",
        document_sha256="1" * 64,
    )
    passages = [
        RetrievedPassage(document_id="kb-7", char_start=0, char_end=60, score=0.03),
        RetrievedPassage(document_id="kb/8", char_start=400, char_end=500, score=0.02),
    ]
    scene.answer(
        scene.document(TEXT, "kb-7"),
        "Which error?",
        "FXP-4107",
        collection="kb",
        alternatives=[other],
        retrieved=passages,
    )
    page = answer_page(scene)
    assert re.findall(r"<mark[^>]*><bdi>(.*?)</bdi>", page) == ["FXP-4107"]
    assert plain(page) == TEXT
    assert '<a href="/document?id=kb-7"><bdi>kb-7</bdi></a> <span class="faint">of <bdi>kb</bdi></span>' in page
    assert 'in <a href="/document?id=kb/8&amp;at=2"><bdi>kb/8</bdi></a>' in page
    assert '<a href="/document?id=kb/8&amp;at=400"><bdi>kb/8</bdi></a> 400 to 500' in page


def test_an_answer_that_quotes_no_document_of_its_collection_says_so() -> None:
    scene = DeskScene()
    scene.answer(scene.document(TEXT), "Who pays?", None, collection="kb")
    page = answer_page(scene)
    assert "No document of the collection was quoted." in page
    assert "none of <bdi>kb</bdi>" in page
    assert "in the question" not in page
