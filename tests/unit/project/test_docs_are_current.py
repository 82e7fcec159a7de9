"""What the README and the docs say is true: settings, metrics, reasons, commands, targets, tests, links, examples."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Metric
from typer.main import get_command

from spanstream.consumer.cli.program import app
from spanstream.consumer.drift.metrics import DriftMetrics
from spanstream.consumer.drift.watch import DriftWatch
from spanstream.consumer.errors import Stop
from spanstream.consumer.feedback.checking import make_label
from spanstream.consumer.feedback.metrics import FeedbackMetrics
from spanstream.consumer.indexing.metrics import IndexMetrics
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.settings.loading import load_settings
from spanstream.consumer.settings.table import BEGIN, END, Row, main, rows, table, written_into
from spanstream.consumer.triage.metrics import TriageMetrics
from spanstream.models.defaults import DEFAULT_ARTIFACT
from spanstream.schemas.codec import decode_answer, decode_document, decode_feedback, decode_question
from spanstream.schemas.dead_letters import DLQ_HEADERS
from spanstream.schemas.errors import Reason
from spanstream.schemas.limits import Limits

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]
ALL = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
README_LINES = 150


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def tables_first_cells(page: Path, heading: str) -> list[str]:
    """Returns what stands in code marks in the first column of the first table below a heading of the page."""
    below = read(page).partition(f"\n{heading}\n")[2]
    rows_of_table = below[below.index("|---") :].partition("\n\n")[0].splitlines()[1:]
    return [row.split("|")[1].strip().strip("`") for row in rows_of_table]


def test_the_table_of_settings_is_current() -> None:
    page = read(DOCS / "settings.md")
    assert written_into(page) == page


def test_every_setting_says_what_it_is() -> None:
    for row in rows():
        assert row.description.endswith("."), row.name
        assert "\n" not in row.description


def outcome() -> object:
    """Returns the settings as they are, or the line that refuses them."""
    try:
        return load_settings()
    except Stop as refusal:
        return str(refusal)


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.name)
def test_the_environment_sets_what_the_table_names(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    untouched = outcome()
    monkeypatch.setenv(row.name, "{")
    assert outcome() != untouched


def test_a_default_written_into_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    without = load_settings()
    for row in rows():
        if row.default and not row.name.endswith("MODEL__PATH"):
            monkeypatch.setenv(row.name, row.default)
    assert load_settings() == without


def test_writing_the_table_replaces_what_stands_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    assert main(["--check", str(page)]) == 1
    assert main(["--write", str(page)]) == 0
    assert main(["--check", str(page)]) == 0
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{table()}\n{END}\nafter\n"


def test_every_setting_that_is_mentioned_exists() -> None:
    known = {row.name for row in rows()}
    for name in re.findall(r"`(SPANSTREAM_[A-Z_]+[A-Z])`", ALL):
        setting = re.sub(r"(__CLIENT)__.*|_FILE$", r"\1", name)  # a property of a client's, or a value out of a file
        assert setting in known or name.startswith("SPANSTREAM_TEST_"), name


def metrics_listed(page: str) -> dict[str, str]:
    return dict(re.findall(r"^\| `(spanstream_\w+)(?:\{[\w,]+\})?` \| \w+ \| (.+) \|$", page, flags=re.MULTILINE))


def own_families(registry: CollectorRegistry) -> list[Metric]:
    return [family for family in registry.collect() if not family.name.startswith("process_")]


@pytest.mark.parametrize(
    ("page", "registry"),
    [
        ("triage.md", TriageMetrics().registry),
        ("feedback.md", FeedbackMetrics().registry),
        ("passage-index.md", IndexMetrics().registry),
    ],
)
def test_every_metric_of_a_stream_of_its_own_is_listed_with_its_meaning(page: str, registry: CollectorRegistry) -> None:
    families = own_families(registry)
    assert metrics_listed(read(DOCS / page)) == {
        family.name + ("_total" if family.type == "counter" else ""): family.documentation for family in families
    }


def test_every_metric_about_what_is_read_is_listed_with_its_meaning() -> None:
    families = DriftMetrics(DriftWatch(None, None, 200)).collect()
    assert metrics_listed(read(DOCS / "drift.md")) == {
        family.name + ("_total" if family.type == "counter" else ""): family.documentation for family in families
    }


def test_every_metric_is_listed_with_its_meaning() -> None:
    listed = metrics_listed(read(DOCS / "operations.md"))
    families = own_families(Metrics().registry)
    assert listed == {
        family.name + ("_total" if family.type == "counter" else ""): family.documentation for family in families
    }


def test_every_reason_and_header_of_a_dead_letter_is_explained() -> None:
    page = DOCS / "dead-letters.md"
    assert tables_first_cells(page, "## Reasons") == [str(reason) for reason in Reason]
    headers = " ".join(cell for cell in read(page).splitlines() if cell.startswith("| `dlq."))
    for header in DLQ_HEADERS.values():
        assert f"`{header}`" in headers


def test_every_command_that_is_mentioned_exists() -> None:
    root: Any = get_command(app)
    mentioned = re.findall(r"`(?:\w+=\S+ )?spanstream ([a-z][a-z ]*[a-z])(?: [^`]*)?`", ALL)
    mentioned += re.findall(r"^\s*(?:\w+=\S+ )?spanstream ([a-z][a-z ]*[a-z])", ALL, flags=re.MULTILINE)
    assert mentioned
    for words in mentioned:
        command = root
        for word in words.split():
            if not hasattr(command, "commands"):
                break
            assert word in command.commands, words
            command = command.commands[word]


def test_every_make_target_that_is_mentioned_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    kinds = re.search(r"^KINDS := (.+)$", makefile, flags=re.MULTILINE)
    assert kinds is not None
    targets |= {f"test-{kind}" for kind in kinds[1].split()}
    mentioned = set(re.findall(r"(?:`|^)make ([a-z][a-z0-9-]*)", ALL, flags=re.MULTILINE))
    assert mentioned
    assert mentioned <= targets


def test_every_kind_of_test_is_a_folder_and_every_folder_of_tests_a_kind() -> None:
    kinds = [cell.removeprefix("make test-") for cell in tables_first_cells(ROOT / "CONTRIBUTING.md", "## Tests")]
    folders = {folder.name for folder in (ROOT / "tests").iterdir() if any(folder.rglob("test_*.py"))}
    assert set(kinds) == folders


def test_every_test_that_is_named_as_a_proof_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(?:(\w+)::)?(\w+)`", ALL)
    assert named
    for path, group, name in named:
        text = (ROOT / path).read_text(encoding="utf-8")
        body = text.partition(f"\nclass {group}:")[2] if group else text
        assert re.search(rf"^{'    ' if group else ''}def {name}\(", body, flags=re.MULTILINE), f"{path}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_readme_is_one_page_and_leads_to_every_other() -> None:
    readme = read(ROOT / "README.md")
    assert len(readme.splitlines()) <= README_LINES
    for page in PAGES:
        assert page.name == "README.md" or f"({page.relative_to(ROOT)})" in readme, page.name


def test_every_folder_and_file_that_the_architecture_names_exists() -> None:
    page = read(DOCS / "architecture.md")
    named = re.findall(r"`((?:consumer|models|schemas|tests|helm|docs)/[\w./-]*)`", page)
    assert named
    for name in named:
        assert (ROOT / name).exists(), name
    modules = {file.name for room in ("consumer", "models", "schemas") for file in (ROOT / room).rglob("*.py")}
    assert set(re.findall(r"\b\w+\.py\b", page)) <= modules


def examples_of_events() -> list[bytes]:
    blocks = re.findall(r"```json\n(.+?)```", read(DOCS / "events.md"), flags=re.DOTALL)
    return [json.dumps(json.loads(block)).encode() for block in blocks]


def test_the_examples_are_events_and_the_answer_stands_in_the_document() -> None:
    document, question, answer, several, *_ = examples_of_events()
    text = decode_document(document, Limits())
    asked = decode_question(question, Limits())
    given = decode_answer(answer)
    assert asked.document_id == given.document_id == text.document_id
    assert given.question_id == asked.question_id
    assert given.metadata == asked.metadata
    assert given.document_sha256 == text.sha256
    assert given.answer is not None
    assert given.answer.text == text.text[given.answer.char_start : given.answer.char_end]
    # The example of several answers shows some fields only.
    whole = decode_answer(json.dumps({**json.loads(answer), **json.loads(several)}).encode())
    assert [len(other.further_places) for other in whole.alternatives] == [1, 0]


def test_the_example_of_a_collection_is_answered_out_of_its_document() -> None:
    document, question, answer = examples_of_events()[4:]
    text, asked, given = decode_document(document, Limits()), decode_question(question, Limits()), decode_answer(answer)
    assert [asked.collection] == text.collections == [given.collection]
    assert asked.filter.items() <= text.metadata.items()
    assert (given.question_id, given.document_id) == (asked.question_id, text.document_id)
    assert given.document_sha256 == text.sha256
    assert given.answer is not None
    assert given.answer.text == text.text[given.answer.char_start : given.answer.char_end]
    assert {one.document_id for one in given.retrieved} == {text.document_id, given.alternatives[0].document_id}


def test_the_example_of_feedback_holds_of_the_example_of_a_document() -> None:
    (document, *_), (feedback,) = (
        re.findall(r"```json\n(.+?)```", read(DOCS / page), flags=re.DOTALL) for page in ("events.md", "feedback.md")
    )
    text = decode_document(document.encode(), Limits())
    label = make_label(decode_feedback(feedback.encode(), Limits()), lambda _: text)
    assert label.document_id == text.document_id


def test_the_thresholds_that_examples_name_are_in_the_artifact() -> None:
    texts = [*PAGES, *sorted((ROOT / "consumer").rglob("*.py")), *sorted((ROOT / "helm").rglob("*.yaml"))]
    named = {name for page in texts for name in re.findall(r"SPANSTREAM_MODEL__THRESHOLD=([\w-]+)", read(page))}
    thresholds = json.loads((DEFAULT_ARTIFACT / "manifest.json").read_bytes())["calibration"]["thresholds"]
    assert named
    assert named <= thresholds.keys()


def test_no_two_files_of_tests_have_one_name() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert [name for name in names if names.count(name) > 1] == []
