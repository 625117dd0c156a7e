"""Cases go to files, pandas and Hugging Face and come back with the same digests and root."""

from __future__ import annotations

import math
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai.datasets import (
    MISSING,
    Case,
    Dataset,
    DatasetError,
    Source,
    from_huggingface,
    from_pandas,
    listed,
    read_cases,
    to_huggingface,
    to_pandas,
    write_cases,
)
from reliai.datasets._cells import _cell, _value

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = [
    Case(
        inputs={"prompt": "where is it?", "k": 3},
        expected="here",
        id="first",
        tags={"locale": "de", "plan": "3"},
        group="s1",
        repeats=5,
        sources=(
            Source(kind="call", id="c1", rule="on_error()", at=1.5, detail={"p": 0.01}),
            Source(kind="feedback", id="c1", at=2.0),
        ),
        inclusion_probability=0.01,
        metadata={"output": {"a": [1, 2.5, None]}},
    ),
    Case(inputs={"prompt": "only inputs"}),
    Case(inputs={"prompt": "null is expected"}, expected=None),
    Case(inputs={"prompt": "42", "messages": [{"role": "user", "content": "hi"}]}, expected="42"),
    Case(inputs={"prompt": 42}, expected=42),
    Case(inputs={"prompt": ""}, expected=""),
    Case(inputs={"prompt": '=HYPERLINK("x")\r\nnext, "line"'}, expected={"b": 1, "a": [True]}),
    Case(inputs={"äöü": "ÄÖÜ 日本語 🎉"}, expected=False, tags={"a.b": "c"}),
    Case(inputs={"n": 1.0, "small": 1e-9}, expected=[]),
]


def by_file(suffix: str) -> Callable[[Any, Path], list[Case]]:
    def there_and_back(cases: Any, folder: Path) -> list[Case]:
        path = folder / f"cases{suffix}"
        assert write_cases(cases, path) == len(cases)
        assert [each.name for each in folder.glob(f"*{suffix}*")] == [path.name]
        return read_cases(path)

    return there_and_back


WAYS: dict[str, Callable[[Any, Path], list[Case]]] = {
    "jsonl": by_file(".jsonl"),
    "csv": by_file(".csv"),
    "parquet": by_file(".parquet"),
    "pandas": lambda cases, _: from_pandas(to_pandas(cases)),
    "huggingface": lambda cases, _: from_huggingface(to_huggingface(cases)),
}


@pytest.mark.parametrize("way", list(WAYS))
def test_a_list_comes_back_with_the_same_digests_and_root(way: str, tmp_path: Path) -> None:
    back = WAYS[way](CASES, tmp_path)
    assert [case.digest for case in back] == [case.digest for case in CASES]
    assert listed(back).root == listed(CASES).root
    assert back == CASES


@pytest.mark.parametrize("way", list(WAYS))
def test_a_version_comes_back_with_the_same_root(way: str, tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "one")
    dataset.add(CASES)
    version = dataset.commit("all")
    other = Dataset.open(tmp_path / "other")
    other.add(WAYS[way](version, tmp_path))
    assert other.commit("the same").root == version.root


@pytest.mark.parametrize("way", list(WAYS))
def test_no_cases_come_back_as_none(way: str, tmp_path: Path) -> None:
    assert WAYS[way]([], tmp_path) == []


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inside)
    ),
    max_leaves=6,
)


@given(JSON)
def test_a_cell_of_csv_can_be_read_in_one_way_only(value: Any) -> None:
    assert _value(_cell(value)) == value
    assert _cell(value) != ""
    assert _cell(value)[0] not in "=+@\t\r"


@given(JSON, JSON)
def test_any_case_comes_back_from_csv_and_parquet(value: Any, expected: Any) -> None:
    import tempfile

    case = Case(inputs={"value": value}, expected=expected)
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".csv", ".parquet"):
            path = Path(folder, "one" + suffix)
            write_cases([case], path)
            assert [each.digest for each in read_cases(path)] == [case.digest]


def test_a_column_of_a_frame_is_one_of_the_inputs() -> None:
    frame = to_pandas(CASES[:3])
    assert list(frame["inputs"].str["prompt"])[:2] == ["where is it?", "only inputs"]
    assert frame["inclusion_probability"].tolist()[0] == 0.01
    assert math.isnan(frame["expected"].tolist()[1])
    assert frame["expected"].tolist()[2] is None


def test_any_frame_becomes_cases_by_its_columns() -> None:
    frame = import_module("pandas").DataFrame(
        {
            "question": ["1+1?", "2+2?"],
            "k": np.array([1, 2]),
            "answer": ["2", None],
            "user": ["a", float("nan")],
            "lang": ["de", "en"],
            "unused": [object(), object()],
        }
    )
    cases = from_pandas(
        frame,
        inputs={"prompt": "question", "k": "k"},
        expected="answer",
        group="user",
        tags={"locale": "lang"},
    )
    assert cases[0].to_dict() == {
        "inputs": {"prompt": "1+1?", "k": 1},
        "expected": "2",
        "group": "a",
        "tags": {"locale": "de"},
    }
    assert cases[1].expected is MISSING
    assert cases[1].group is None


def test_any_dataset_of_hugging_face_becomes_cases_by_its_columns() -> None:
    squad = import_module("datasets").Dataset.from_dict(
        {"q": ["1+1?", "2+2?"], "answers": [["2", "two"], ["4"]]}
    )
    cases = from_huggingface(squad, inputs={"prompt": "q"}, expected="answers")
    assert [case.expected for case in cases] == [["2", "two"], ["4"]]


# --- what is wrong is said, with its place --------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", '{"inputs": {}}\nnonsense\n', r"a\.jsonl:2: is no JSON"),
        ("b.jsonl", '{"inputs": {"a": NaN}}\n', r"b\.jsonl:1: is no JSON"),
        ("c.jsonl", "[1]\n", r"c\.jsonl:1: is no JSON object"),
        ("d.jsonl", '{"inputs": {}, "extra": 1}\n', r"d\.jsonl:1: .*extra"),
        ("e.jsonl", '{"inputs": {}}\n{"inputs": {}}\n', r"e\.jsonl:2: is the same case as 1"),
        ("a.csv", "inputs.q,other\nx,y\n", r"a\.csv:1: 'other' is no column"),
        ("b.csv", "inputs.q,expected\nx\n", r"b\.csv:2: has 1 cells"),
        ("c.csv", "inputs.q,inputs.q\nx,y\n", r"c\.csv:1: has 'inputs.q' twice"),
        ("d.csv", 'inputs.q\n"x\n', r"d\.csv:2: is no CSV"),
        ("a.txt", "", "says no format"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_line(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError, match=said):
        read_cases(tmp_path / name)


def test_an_empty_csv_has_no_cases(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    assert read_cases(tmp_path / "a.csv") == []


def test_a_row_without_an_input_is_refused_with_its_number() -> None:
    with pytest.raises(DatasetError, match="row 1: has no 'q'"):
        from_huggingface([{"q": "a"}, {"q": None}], inputs=["q"])


def test_a_column_that_no_case_has_is_refused() -> None:
    with pytest.raises(DatasetError, match="row 0: 'question' is no column"):
        from_huggingface([{"question": "a"}])


def test_a_file_is_not_touched_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    write_cases(CASES[:1], path)
    before = path.read_bytes()

    def broken() -> Any:
        yield CASES[0]
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        write_cases(broken(), path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["cases.jsonl"]


def test_a_format_that_there_is_not_is_refused(tmp_path: Path) -> None:
    wrong: Any = "xlsx"
    with pytest.raises(DatasetError, match="format='xlsx'"):
        write_cases(CASES, tmp_path / "a.jsonl", format=wrong)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(reliai.ConfigurationError, match="pip install pandas"):
        to_pandas(CASES)


def test_importing_the_names_loads_no_heavy_package() -> None:
    program = (
        "import sys\n"
        "from reliai.datasets import Capture, Tokens, near_duplicates, on_error, to_pandas\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'datasets', 'datasketch', 'scipy', 'sqlalchemy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
