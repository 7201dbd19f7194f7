"""Figures: medians, targets, ratios, and how they are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kvmbench import measure
from kvmbench.errors import BadInput
from kvmbench.measure.figures import Against, Figure, Row, Samples, as_json, from_json, judged, markdown
from kvmbench.measure.rows import rows

BUILD = Row(
    "build", "ours", 0.2, (Against("the floor", "floor", most=1.5), Against("Mininet", "mn", least=10))
)


def figure(**taken: list[float]) -> Figure:
    samples = Samples(taken=dict(taken))
    return judged([BUILD], samples)[0]


def test_the_median_counts_and_all_targets_have_to_be_reached() -> None:
    found = figure(ours=[0.1, 0.9, 0.12], floor=[0.1], mn=[2.0, 1.5])
    assert (found.median, found.within, found.met) == (0.12, True, True)
    assert [each.words() for each in found.compared] == [
        "1.20 × the floor (asked: at most 1.5 ×)",
        "14.6 × quicker than Mininet (asked: 10 × quicker)",
    ]


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        ({"ours": [0.3], "floor": [0.3], "mn": [9.0]}, "300 ms ✗"),
        ({"ours": [0.1], "floor": [0.05], "mn": [9.0]}, "2.00 × the floor (asked: at most 1.5 ×) ✗"),
        ({"ours": [0.1], "floor": [0.1], "mn": [0.5]}, "5 × quicker than Mininet (asked: 10 × quicker) ✗"),
    ],
)
def test_a_target_that_is_missed_is_marked_where_it_is_missed(
    taken: dict[str, list[float]], words: str
) -> None:
    found = figure(**taken)
    assert found.met is False
    assert words in markdown([found])
    assert markdown([found]).count("✗") == 1


def test_what_is_missing_is_said_with_the_reason_and_passes_for_nothing() -> None:
    samples = Samples(taken={"ours": [0.1]}, missing={"mn": "it is not installed"})
    found = judged([BUILD], samples)[0]
    assert [each.words() for each in found.compared] == [
        "the floor: not measured (ask with --peers)",
        "Mininet: not measured (it is not installed)",
    ]
    gone = judged([BUILD], Samples(missing={"ours": "no room"}))[0]
    assert (gone.value(), gone.met) == ("not measured: no room", None)
    assert judged([BUILD], Samples()) == []


def test_json_goes_there_and_several_runs_come_back_as_one() -> None:
    samples = Samples()
    for ours in (0.1, 0.2, 0.6):
        run = figure(ours=[ours], floor=[ours / 2])
        samples.add_run(*from_json(as_json([run], {"cpus": 2})))
    found = judged([BUILD], samples)[0]
    assert (found.median, found.compared[0].ratio) == (0.2, 2.0)
    assert found.compared[1].why == "ask with --peers"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"figures": [{}]}', '{"figures": 3}'])
def test_a_file_without_figures_is_two_lines(tmp_path: Path, text: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(text)
    with pytest.raises(BadInput) as raised:
        measure.together([file])
    assert len(str(raised.value).splitlines()) == 2


def test_files_of_runs_are_put_together_as_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for number, seconds in enumerate((0.1, 0.3, 0.2)):
        samples = Samples(taken={"bench": [seconds], "kernel": [1.0], "plain kernel": [1.25]})
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(as_json(judged(rows(), samples), {}))
    measure.together(files, shape="rows")
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[:2] for line in printed[2:]] == [
        ["| a bench, created and ready", "200 ms"],
        ["| a kernel on it, to its first reply", "1.00 s"],
    ]
    assert printed[3].endswith("| 0.80 × a plain ipykernel (asked: at most 1.3 ×) |")
    measure.together(files, shape="json")
    assert json.loads(capsys.readouterr().out)["figures"][0]["median"] == 0.2


def test_every_row_has_a_name_of_its_own_and_nothing_is_measured_under_two() -> None:
    names = [row.name for row in rows()]
    assert len(names) == len(set(names))
