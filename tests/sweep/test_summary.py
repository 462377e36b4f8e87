"""The page of a sweep, as a reader finds it."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sweep.calls import run_files

from hwlib.sweep.leaderboard import load_sweep, read_index
from hwlib.sweep.store import write_file
from hwlib.sweep.summary import write_summary

VOID = {"meta", "line", "br", "img", "link", "input"}


class PageReader(HTMLParser):
    """Collects tables, links and figures, and fails if a tag is not closed."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.rows, self.links, self.alts, self.headings = [], [], [], [], []
        self.ids: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        if tag in VOID:
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "a":
            self.links.append(given["href"])
        elif tag == "h2":
            self.headings.append("")
        elif tag == "svg" and "role" in given:
            self.alts.append(given["aria-label"])

    def handle_startendtag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data.strip()
        elif self.open and self.open[-1] == "h2":
            self.headings[-1] += data


@pytest.fixture(scope="module")
def page(undisturbed) -> PageReader:
    return PageReader((undisturbed.out / "summary.html").read_text())


def test_settings_and_runs_are_tables(page, undisturbed):
    board, runs = page.rows[:3], page.rows[3:]
    assert board[0][:4] == ["#", "setting", "runs", "q3 train loss"]
    assert [row[:3] for row in board[1:]] == [
        ["1", "learning_rate 0.1", "2"],
        ["2", "learning_rate 0.01", "2"],
    ]
    assert all("±" in row[3] for row in board[1:])
    assert runs[0][:4] == ["#", "notebook", "learning rate", "seed"]
    assert [row[:4] for row in runs[1:]] == [
        [number, "done", rate, seed]
        for number, rate in (("2", "0.01"), ("1", "0.1"))
        for seed in ("1", "2")
    ]
    assert all(len(row) == len(runs[0]) for row in runs)


def test_every_run_leads_to_its_executed_notebook(page, undisturbed):
    assert len(page.links) == 4
    for link in page.links:
        assert json.loads((undisturbed.out / link).read_text())["cells"]


def test_every_figure_says_what_it_shows_and_no_id_stands_twice(page):
    assert len(page.alts) == 4 + 4 + 4 + 1 and len(set(page.alts)) == len(page.alts)
    assert "training loss (nats) against the epoch, a line for each setting." in page.alts
    assert len(set(page.ids)) == len(page.ids)
    assert page.headings == [
        "Settings",
        "Against the epoch",
        "Setting by setting",
        "Against learning rate",
        "All runs at once",
        "Runs",
        "The same in all runs",
    ]


def test_command_and_shared_parameters_are_named(undisturbed, tiny):
    text = (undisturbed.out / "summary.html").read_text()
    assert f"python -m hwlib sweep {Path(tiny).name}</code>" in text
    assert "<dt>mlp_epochs</dt><dd>5</dd>" in text and "Sample data" in text
    assert "data_dir" not in text and str(undisturbed.out) not in text


def test_what_was_varied_together_is_no_axis(copied):
    index = read_index(str(copied))
    index.axes = [["learning_rate", "seed"]]
    write_file(str(copied), "sweep.json", index.model_dump_json())
    write_summary(load_sweep(str(copied)), str(copied))
    page = PageReader((copied / "summary.html").read_text())
    assert "Setting by setting" in page.headings
    assert "Against learning rate" not in page.headings


def test_text_of_a_failure_is_escaped(copied):
    record = run_files(copied)[0]
    content = json.loads(record.read_text())
    content |= {"status": "failed", "reason": "a < b & <script>", "traceback": "</pre><b>"}
    record.write_text(json.dumps(content))
    write_summary(load_sweep(str(copied)), str(copied))
    text = (copied / "summary.html").read_text()
    assert "a &lt; b &amp; &lt;script&gt;" in text and "</pre><b>" not in text
    assert "3 of 4 runs done" in text
