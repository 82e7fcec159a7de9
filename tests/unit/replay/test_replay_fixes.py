from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.fixes.built_in import (
    CannotFix,
    DocumentText,
    RecordDraft,
    drop_field,
    re_encode,
    rename_field,
    set_field,
)
from spanstream.consumer.replay.fixes.json_text import check_json, read_object, with_value
from spanstream.consumer.replay.fixes.user_files import choose_fixes, load_fix_file

names = st.text(st.characters(exclude_characters=".=", exclude_categories=["Cs"]), min_size=1, max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(names, values, max_size=5)


def no_documents(_: str) -> DocumentText | None:
    return None


def draft(value: object, key: bytes | None = b"k") -> RecordDraft:
    return RecordDraft(key, value if isinstance(value, bytes) else json.dumps(value).encode(), (("h", b"1"),))


def fixed(spec: str, value: object, **current: DocumentText) -> Any:
    (fix,) = choose_fixes([spec], [], current.get)
    return json.loads(fix.apply(draft(value)).value or b"")


@given(objects, names)
def test_a_dropped_field_is_gone_and_the_others_stay_in_their_order(value: dict[str, Any], name: str) -> None:
    after = json.loads(drop_field(name).apply(draft(value)).value or b"")
    assert list(after.items()) == [item for item in value.items() if item[0] != name]


@given(objects, names)
def test_a_fix_that_finds_nothing_to_change_leaves_the_bytes_alone(value: dict[str, Any], name: str) -> None:
    value.pop(name, None)
    written = draft(json.dumps(value, indent=3).encode())
    assert drop_field(name).apply(written) == written
    assert rename_field(f"{name}=other").apply(written) == written


@given(objects, names, values)
def test_a_set_field_has_the_value_and_setting_it_again_changes_nothing(
    value: dict[str, Any], name: str, wanted: object
) -> None:
    fix = set_field(f"{name}={json.dumps(wanted)}")
    once = fix.apply(draft(value))
    assert json.loads(once.value or b"") == value | {name: wanted}
    assert fix.apply(once) == once


@given(objects, names, names)
def test_a_renamed_field_keeps_its_value_and_place(value: dict[str, Any], old: str, new: str) -> None:
    value = {name: inner for name, inner in value.items() if name != new} | {old: 1}
    after = json.loads(rename_field(f"{old}={new}").apply(draft(value)).value or b"")
    assert list(after.items()) == [(new if name == old else name, inner) for name, inner in value.items()]


@given(st.text(max_size=20), st.sampled_from(["latin-1", "utf-16", "cp1252"]))
def test_a_text_of_another_character_set_becomes_utf8(text: str, charset: str) -> None:
    try:
        encoded = text.encode(charset)
    except UnicodeEncodeError:
        return
    after = re_encode(charset).apply(draft(encoded)).value
    assert after in {text.encode(), encoded}  # bytes that are UTF-8 already stay as they are
    assert after is not None
    after.decode()


def test_dots_lead_into_objects() -> None:
    value = {"metadata": {"a": 1, "b": 2}, "x": 0}
    assert fixed("drop-field=metadata.a", value) == {"metadata": {"b": 2}, "x": 0}
    assert fixed("set-field=metadata.c=[1]", value) == {"metadata": {"a": 1, "b": 2, "c": [1]}, "x": 0}
    assert fixed("set-field=new.deep=null", value) == value | {"new": {"deep": None}}
    assert fixed("rename-field=metadata.a=z", value) == {"metadata": {"z": 1, "b": 2}, "x": 0}
    assert fixed("drop-field=x.y", value) == value


def test_key_and_headers_stay() -> None:
    after = drop_field("x").apply(draft('{"x": 1, "ü": "é"}'.encode()))
    assert after == RecordDraft(b"k", '{"ü": "é"}'.encode(), (("h", b"1"),))


AROUND = r"""{ "a":12345678901234567.89,"big": 1e400 , "twice":1, "twice" : 2,
  "escaped":"\u00e9\/\ud800", "exact": 100000000000000000000000000000000000001, "zero":-0.0%s}"""


@pytest.mark.parametrize(
    ("spec", "before", "after"),
    [("drop-field=x", ', "x" : [1, {"x": "}"}]', ""),
     ("drop-field=x", ', "x": 1, "m": {"x": 1},"\\u0078":2', ', "m": {"x": 1}'),
     ("drop-field=m.x", ', "m" : { "x" : 1 , "y" : 1e400 }\n', ', "m" : { "y" : 1e400 }\n'),
     ("set-field=x=0.10", ', "x" : {"y":[1]} ,"z":[ ]', ', "x" : 0.10 ,"z":[ ]'),
     ("set-field=x=0.10", "", ',"x":0.10'),
     ("set-field=m.n.x=1e400", ', "m":{ "y": 1 }', ', "m":{ "y": 1,"n":{"x":1e400} }'),
     ("rename-field=x=ü", ', "x" : 1e400', ', "ü" : 1e400'),
     ("current-document", ',"document_id" : "d", "document_sha256": "old" ',
      ',"document_id" : "d", "document_sha256": "new" ')],
)  # fmt: skip
def test_only_what_a_fix_is_asked_to_change_is_changed(spec: str, before: str, after: str) -> None:
    (fix,) = choose_fixes([spec], [], {"d": DocumentText("text", "new")}.get)
    value = fix.apply(draft((AROUND % before).encode())).value
    assert (value or b"").decode() == AROUND % after
    assert fix.apply(RecordDraft(b"k", value)).value == value


def test_the_first_and_the_only_field_go_with_their_comma() -> None:
    for value, after in (
        (b'{"x":1}', b"{}"),
        (b'{ "x" : 1 }', b"{  }"),
        (b'{"x":1,"y":2}', b'{"y":2}'),
        (b'{"y":2, "x":1}', b'{"y":2}'),
        (b'{"x":1,"x":2,"y":3,"x":4,"z":5}', b'{"y":3,"z":5}'),
    ):
        assert drop_field("x").apply(draft(value)).value == after


@pytest.mark.parametrize(
    "spec", ["set-field=x=3", "rename-field=x=y", "drop-field=x.y", "set-field=x.y=1", "current-document"]
)
def test_a_repeated_field_cannot_be_told_apart(spec: str) -> None:
    (fix,) = choose_fixes([spec], [], no_documents)
    with pytest.raises(CannotFix, match="there are 2 fields"):
        fix.apply(draft(b'{"x": {}, "document_id": "a", "x": {}, "document_id": "b"}'))


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"{}}", b'{"x":}', b'{"x":1,}', b"{,}", b'{"x" 1}', b'{"x":01}', b'{"x":+1}', b'{"x":.5}', b'{"x":1.}',
     b'{"x":NaN}', b'{"x":-Infinity}', b'{"x":"\n"}', b'{"x":"\\x"}', b'{"x":"', b'{"x":[1 2]}', b"{'x':1}", b"{x:1}",
     b'\xef\xbb\xbf{"x":1}', '{"x":1}'.encode("utf-16"), b'{"x":1} {}', b'{"x":1]', b'{"x":tru}', b'{"x":"\xff"}',
     '{"x":\N{ARABIC-INDIC DIGIT ONE}}'.encode()],
)  # fmt: skip
def test_what_is_not_json_is_not_edited(value: bytes) -> None:
    with pytest.raises(CannotFix, match="not JSON"):
        drop_field("x").apply(draft(value))


def test_a_value_is_edited_however_deep_it_is_and_however_often_a_field_is_repeated() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert drop_field("x").apply(draft(b'{"deep":%b,"x":1}' % deep)).value == b'{"deep":%b}' % deep
    assert set_field("deep=1").apply(draft(b'{"deep":%b}' % deep)).value == b'{"deep":1}'
    repeated = b",".join([b'"x":1'] * 100_000)
    assert drop_field("x").apply(draft(b"{%b}" % repeated)).value == b"{}"


def test_an_id_that_is_no_text_names_no_document() -> None:
    (fix,) = choose_fixes(["current-document"], [], no_documents)
    for value in (b'{"document_id": "\\ud800"}', b'{"document_id": 5}', b'{"document_id": null}', b"{}"):
        with pytest.raises(CannotFix):
            fix.apply(draft(value))


@given(objects, names)
def test_every_json_that_the_library_writes_is_read_alike(value: dict[str, Any], name: str) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False)):
        check_json(text)
        top = read_object(text)
        assert top is not None
        assert {f.name: json.loads(text[f.value_start : f.end]) for f in top.fields} == value
        assert json.loads(with_value(text, top, name, "[]")) == value | {name: []}


@pytest.mark.parametrize("value", [b"", b"[1]", b"\xff", b"{", b'"x"', b"null"])
def test_a_value_that_is_no_object_cannot_be_fixed(value: bytes) -> None:
    with pytest.raises(CannotFix):
        drop_field("x").apply(draft(value))


def test_a_tombstone_cannot_be_fixed_but_re_encoded_to_itself() -> None:
    tombstone = RecordDraft(b"k", None)
    assert re_encode("latin-1").apply(tombstone) == tombstone
    with pytest.raises(CannotFix):
        drop_field("x").apply(tombstone)


def test_a_rename_onto_another_field_is_refused() -> None:
    with pytest.raises(CannotFix, match="already"):
        rename_field("a=b").apply(draft({"a": 1, "b": 2}))


def test_a_question_is_tied_to_the_document_as_it_is_now() -> None:
    asked = {"question_id": "q", "document_id": "d", "document_sha256": "old"}
    assert fixed("current-document", asked, d=DocumentText("new text", "new"))["document_sha256"] == "new"
    free = {"question_id": "q", "document_id": "d"}
    assert fixed("current-document", free, d=DocumentText("new text", "new")) == free


def test_a_context_is_replaced_by_the_document_that_the_key_names() -> None:
    asked = {"question_id": "q", "context": "old text"}
    assert fixed("current-document", asked, k=DocumentText("new text", "new")) == asked | {"context": "new text"}


def test_a_document_that_is_not_there_is_no_fix() -> None:
    (fix,) = choose_fixes(["current-document"], [], no_documents)
    with pytest.raises(CannotFix, match="does not hold"):
        fix.apply(draft({"document_id": "d"}))


@pytest.mark.parametrize(
    "spec",
    ["drop", "drop-field", "drop-field=", "drop-field=a..b", "set-field=a=nonsense", "set-field=a", "rename-field=a",
     "re-encode=klingon", "current-document=x"],
)  # fmt: skip
def test_a_wrong_fix_is_one_line_that_names_it(spec: str) -> None:
    with pytest.raises(Stop, match="--fix"):
        choose_fixes([spec], [], no_documents)


OWN = """
from dataclasses import replace
from json import loads

def strip_bom(draft):
    return replace(draft, value=draft.value.removeprefix(b"\\xef\\xbb\\xbf"))

def key_from(draft, field):
    return replace(draft, key=loads(draft.value)[field].encode())

def broken(draft):
    return "no draft"

def _private(draft):
    return draft
"""


def own_fixes(folder: Path) -> Any:
    path = folder / "mine.py"
    path.write_text(OWN)
    return load_fix_file(path)


def test_a_users_functions_are_fixes(tmp_path: Path) -> None:
    file = own_fixes(tmp_path)
    assert set(file.functions) == {"strip-bom", "key-from", "broken"}
    strip, key = choose_fixes(["strip-bom", "key-from=id"], [file], no_documents)
    once = strip.apply(RecordDraft(None, b'\xef\xbb\xbf{"id": "d-1"}'))
    assert key.apply(once) == RecordDraft(b"d-1", b'{"id": "d-1"}')


def test_whatever_a_users_fix_does_it_stops_one_record_only(tmp_path: Path) -> None:
    file = own_fixes(tmp_path)
    strip, key, broken = choose_fixes(["strip-bom", "key-from=id", "broken"], [file], no_documents)
    for fix in (strip, key, broken):
        with pytest.raises(CannotFix):
            fix.apply(RecordDraft(None, None))


def test_a_file_that_is_no_python_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("def (")
    with pytest.raises(Stop, match=r"bad\.py"):
        load_fix_file(path)
    with pytest.raises(Stop, match="cannot be read"):
        load_fix_file(tmp_path / "missing.py")


def test_a_function_that_wants_an_argument_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="should take"):
        choose_fixes(["key-from"], [own_fixes(tmp_path)], no_documents)
