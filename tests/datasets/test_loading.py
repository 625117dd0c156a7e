"""Files of cases: what is wrong is said with its file and line, and nothing is guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reliai.datasets import MISSING, Case, Dataset, DatasetError, Source, load_cases

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def _file(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_cases_are_read_from_json_lines(folder: Path) -> None:
    path = _file(
        folder,
        "cases.jsonl",
        '{"inputs": {"q": 1}, "expected": null, "id": "a"}\n{"inputs": {"q": "\u00fc"}}\n',
    )
    assert load_cases(path) == [
        Case(inputs={"q": 1}, expected=None, id="a", sources=(_line(path, 1),)),
        Case(inputs={"q": "\u00fc"}, sources=(_line(path, 2),)),
    ]


def _line(path: Path, line: int) -> Source:
    return Source(kind="file", id=path.name, detail={"line": line})


def test_any_table_of_json_lines_can_be_mapped(folder: Path) -> None:
    path = _file(folder, "x.jsonl", '{"question": "a", "answer": "b", "lang": "de", "n": 1}\n')
    (case,) = load_cases(path, inputs={"prompt": "question"}, expected="answer", tags=["lang"])
    assert (case.inputs, case.expected, case.tags) == ({"prompt": "a"}, "b", {"lang": "de"})


def test_cases_are_read_from_a_json_list_with_their_lines(folder: Path) -> None:
    path = _file(folder, "x.json", '[\n  {"inputs": {"q": 1}},\n\n  {"inputs": {"q": 2}}\n]\n')
    assert [(case.inputs["q"], case.sources[0].detail["line"]) for case in load_cases(path)] == [
        (1, 2),
        (2, 4),
    ]


def test_cases_are_read_from_csv(folder: Path) -> None:
    text = 'inputs.q,inputs.age,expected,id,group,tags.locale\r\n"a\nb",3,yes,c1,s1,de\r\n'
    (case,) = load_cases(_file(folder, "x.csv", text), types={"inputs.age": int})
    assert case.to_dict() == {
        "inputs": {"q": "a\nb", "age": 3},
        "expected": "yes",
        "id": "c1",
        "group": "s1",
        "tags": {"locale": "de"},
        "sources": [{"kind": "file", "id": "x.csv", "detail": {"line": 3}}],
    }


def test_an_empty_cell_of_what_is_expected_is_what_the_user_says(folder: Path) -> None:
    path = _file(folder, "x.csv", "q,a\n1,\n")
    (case,) = load_cases(
        path, inputs=["q"], expected="a", types={"a": lambda text: text or MISSING}
    )
    assert case.expected is MISSING


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.jsonl", '{"inputs": {}}\n{"inputs": \n', "x.jsonl:2: is no JSON: Expecting value"),
        ("x.jsonl", '{"inputs": {}}\n\n', "x.jsonl:2: the line is empty"),
        ("x.jsonl", '{"inputs": {}}\n[1]\n', "x.jsonl:2: a case is an object, and not a list"),
        ("x.jsonl", '{"inputs": {"x": NaN}}\n', "x.jsonl:1: NaN is no JSON"),
        ("x.jsonl", '{"inputs": {"x": 1, "x": 2}}\n', "x.jsonl:1: an object has 'x' twice"),
        ("x.jsonl", '{"input": {}}\n', "x.jsonl:1: 'input' is no field of a case"),
        ("x.jsonl", '{"inputs": {}, "tags": {"a": 1}}\n', "x.jsonl:1: tags must be texts"),
        ("x.jsonl", '{"expected": 1}\n', "x.jsonl:1: a case needs inputs"),
        ("x.jsonl", '{"inputs": {"x": 1e400}}\n', "x.jsonl:1: case.inputs.x is inf"),
        ("x.jsonl", '{"inputs": {"x": 9007199254740993}}\n', "x.jsonl:1: case.inputs.x is an int"),
        (
            "x.jsonl",
            '{"inputs": {"x": 1}}\n{"inputs": {"x": 2}}\n{"inputs": {"x": 1.0}}\n',
            "x.jsonl:3: is the same case as line 1",
        ),
        ("x.jsonl", b'{"inputs": {}}\n{"inputs": {"x": "\xff"}}\n', "x.jsonl:2: is no UTF-8"),
        ("x.json", '{"inputs": {}}', "x.json:1: must be a list of cases"),
        ("x.json", "", "x.json:1: must be a list of cases"),
        ("x.json", '[\n{"inputs": {}}\n{"inputs": {"a": 1}}]', "x.json:3: is no JSON: ','"),
        ("x.json", '[\n{"inputs": {}},\n{"inputs": }\n]', "x.json:3: is no JSON: Expecting value"),
        ("x.json", '[\n{"inputs": {}},\n{"inputs": {"a": Infinity}}\n]', "x.json:3: Infinity is"),
        ("x.json", '[\n{"inputs": {}}\n]\n[]', "x.json:3: has something behind the list"),
        ("x.json", '[{"inputs": {}}', "x.json:1: is no JSON: ',' or ']' is missing"),
        ("x.csv", "inputs.q,expected\na,b\nc\n", "x.csv:3: has 1 cells and must have 2"),
        ("x.csv", "inputs.q,expected\na,b\nc,d,e\n", "x.csv:3: has 3 cells and must have 2"),
        ("x.csv", "inputs.q,inputs.q\na,b\n", "x.csv:1: two columns are called 'inputs.q'"),
        ("x.csv", "inputs.q,\na,b\n", "x.csv:1: the first line must name every column"),
        ("x.csv", "", "x.csv:1: the first line must name every column"),
        ("x.csv", "inputs.q,expected\na,\n", "x.csv:2: the cell of what is expected is empty"),
        ("x.csv", 'inputs.q,expected\n"a"b,c\n', "x.csv:2: is no CSV"),
        ("x.csv", "question,expected\na,b\n", "x.csv:2: 'question' is no field of a case"),
        ("x.csv", "inputs.q,id\na,1\nb,1\n", "x.csv:3: is the same case as line 2"),
        ("x.parquet", "", r"x.parquet: the suffix '.parquet' says no format"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(
    folder: Path, name: str, text: str | bytes, said: str
) -> None:
    path = _file(folder, name, text)
    with pytest.raises(DatasetError) as caught:
        load_cases(path)
    assert str(caught.value).startswith(str(path.parent / said))


def test_the_error_has_the_place_in_fields(folder: Path) -> None:
    path = _file(folder, "x.csv", "inputs.q,inputs.n\na,1\nb,many\n")
    with pytest.raises(DatasetError, match=r"the cell 'inputs\.n' is no int") as caught:
        load_cases(path, types={"inputs.n": int})
    assert (caught.value.path, caught.value.line) == (str(path), 3)
    assert "many" not in str(caught.value)


@pytest.mark.parametrize("cell", ["nan", "inf", "NaN"])
def test_a_number_that_is_none_is_refused(folder: Path, cell: str) -> None:
    path = _file(folder, "x.csv", f"inputs.n\n{cell}\n")
    with pytest.raises(DatasetError, match=r"x\.csv:2: the cell 'inputs\.n' is (nan|inf)"):
        load_cases(path, types={"inputs.n": float})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"expected": "a"}, "name the columns of inputs= too"),
        ({"tags": ["a"]}, "name the columns of inputs= too"),
        ({"inputs": "q"}, r"inputs='q' must be a list of columns, such as \['q'\]"),
        ({"inputs": []}, "inputs names no column"),
        ({"inputs": ["z"]}, r"x\.csv:2: has no 'z'; it has 'q', 'a'"),
        ({"inputs": ["q"], "types": {"z": int}}, r"x\.csv:1: there is no column 'z'"),
        ({"format": "xml"}, "format='xml' must be one of"),
        ({"format": "jsonl", "types": {"q": int}}, "would do nothing"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(
    folder: Path, options: dict[str, Any], said: str
) -> None:
    path = _file(folder, "x.csv", "q,a\n1,2\n")
    with pytest.raises(DatasetError, match=said):
        load_cases(path, **options)


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"no\.csv: cannot be read: No such file"):
        load_cases(folder / "no.csv")


def test_a_byte_order_mark_is_no_part_of_the_first_column(folder: Path) -> None:
    (case,) = load_cases(_file(folder, "x.csv", "\ufeffinputs.q\na\n"))
    assert case.inputs == {"q": "a"}


def test_loading_the_same_file_again_changes_nothing(folder: Path) -> None:
    path = _file(folder, "x.jsonl", '{"inputs": {"q": 1}}\n{"inputs": {"q": 2}}\n')
    dataset = Dataset.open(folder / "x")
    dataset.add(load_cases(path))
    v1 = dataset.commit()
    dataset.add(load_cases(path))
    assert dataset.commit() == v1
