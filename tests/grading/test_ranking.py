import math

import pytest

from hwlib.grading.assess import keep_pdf
from hwlib.grading.choice import Chosen
from hwlib.grading.hand_ins import GradingError, Member
from hwlib.grading.points import POINTS, award
from hwlib.grading.ranking import LEADERBOARD_COLUMNS, duel, on_front, rank_class
from hwlib.grading.record import Record, read_record, write_record
from hwlib.grading.results import feedback_page
from hwlib.grading.rubric import DEFAULT, read_rubric
from hwlib.grading.similar import find_pairs

RUBRIC = read_rubric(DEFAULT)


def record(name: str, correct: int, parameters: int, **values) -> Record:
    return Record(
        key="k",
        submission=name,
        q4_correct=correct,
        q4_total=100,
        parameters=parameters,
        **values,
    )


def test_a_duel_counts_the_pictures_that_one_alone_is_right_on():
    first, second = record("a", 3, 1, right="1110"), record("b", 2, 1, right="0101")
    assert duel(first, second)[:2] == (2, 1)
    assert duel(first, record("c", 2, 1, right="01")) is None
    assert duel(first, record("c", 2, 1, right="0101", data="sample")) is None


def test_the_front_holds_what_nothing_is_better_than():
    class_ = [record("a", 90, 50), record("b", 95, 100), record("c", 90, 60), record("d", 90, 50)]
    assert [on_front(one, class_) for one in class_] == [True, True, False, True]


def test_a_doubling_costs_1_4_points_of_accuracy():
    board = rank_class([record("a", 90, 100_000), record("b", 92, 200_000)], RUBRIC)
    assert list(board.columns) == list(LEADERBOARD_COLUMNS)
    assert dict(zip(board["submission"], board["score"], strict=True)) == {"b": 90.6, "a": 90.0}


def test_drawn_pictures_do_not_compete_with_real_ones():
    board = rank_class([record("easy", 100, 10, data="sample"), record("real", 50, 10)], RUBRIC)
    board = board.set_index("submission")
    assert math.isnan(board["score"]["easy"]) and not board["pareto"]["easy"]
    assert board["pareto"]["real"]
    alone = rank_class([record("easy", 100, 10, data="sample")], RUBRIC)
    assert alone["score"].notna().all()


@pytest.mark.parametrize(("correct", "points"), [(77, 15), (76, 7.5), (70, 7.5), (69, 0)])
def test_the_thresholds_of_the_assignment(tmp_path, correct, points):
    parts = award([record("a", correct, 10)], RUBRIC, tmp_path)["a"].parts
    assert parts["4.I.3 accuracy"] == points and parts["2 derivations"] is None
    assert RUBRIC.total == 100


def test_what_this_machine_could_not_score_gets_no_zero(tmp_path):
    unscored = record("a", 0, 10).model_copy(
        update={"q4_correct": None, "q4_total": None, "unscored_here": ["q4"]}
    )
    awarded = award([unscored], RUBRIC, tmp_path)["a"]
    assert awarded.parts["4.I.3 accuracy"] is None and awarded.total is None
    faulty = unscored.model_copy(update={"unscored_here": []})
    assert award([faulty], RUBRIC, tmp_path)["a"].parts["4.I.3 accuracy"] == 0


def test_points_of_people_are_kept_and_make_the_total(tmp_path):
    records = [record("a, b", 80, 10)]
    assert award(records, RUBRIC, tmp_path)["a, b"].total is None
    path = tmp_path / POINTS
    by_people = [part for part in RUBRIC.parts if not part.figure]
    header = path.read_text(encoding="utf-8-sig").splitlines()[0]
    cells = [str(part.points) if part in by_people else "" for part in RUBRIC.parts]
    path.write_text(f'{header}\n"a, b",{",".join(cells)}\n')
    assert award(records, RUBRIC, tmp_path)["a, b"].total == 100
    assert award(records, RUBRIC, tmp_path)["a, b"].total == 100
    path.write_text(f'{header}\n"a, b",99{"," * len(by_people)}\n')
    with pytest.raises(GradingError, match="'99' for a, b, 1 networks, is not from 0 to 15"):
        award(records, RUBRIC, tmp_path)


def test_comments_and_the_lines_of_other_hand_ins_are_kept(tmp_path):
    award([record("early", 80, 10), record("both", 80, 10)], RUBRIC, tmp_path)
    path = tmp_path / POINTS
    text = path.read_text(encoding="utf-8-sig")
    header, *lines = text.splitlines()
    lines = [f"{line}Well done <b>truly</b>,x" for line in lines]
    path.write_text("\n".join([f"{header},mine", *lines]) + "\n")
    awarded = award([record("both", 80, 10), record("late", 80, 10)], RUBRIC, tmp_path)
    after = path.read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in after] == ["submission", "both", "late", "early"]
    assert after[0].endswith(",comment,mine") and "truly" in after[3]
    again = award([record("early", 80, 10)], RUBRIC, tmp_path)
    assert again["early"].comment.startswith("Well done") and not awarded["late"].comment
    page = feedback_page(record("early", 80, 10), again["early"], RUBRIC)
    assert "&lt;b&gt;truly" in page and "Comment" in page


def test_a_pdf_that_is_no_longer_handed_in_goes(tmp_path):
    pdf = Member("a.pdf", b"%PDF-1.7")
    for files, kept in (({".pdf": pdf}, True), ({".pdf": Member("a.pdf", b"<html>")}, False)):
        keep_pdf(Chosen(files, (), [], []), tmp_path / "a")
        assert (tmp_path / "a" / "homework.pdf").is_file() == kept


def test_a_file_of_points_in_another_encoding_or_without_names_is_refused(tmp_path):
    (tmp_path / POINTS).write_bytes("submission,comment\nשלום,x\n".encode("cp1255"))
    with pytest.raises(GradingError, match="not in UTF-8"):
        award([], RUBRIC, tmp_path)
    (tmp_path / POINTS).write_text("name,points\na,1\n")
    with pytest.raises(GradingError, match="no column 'submission'"):
        award([], RUBRIC, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parts: []", "parts"),
        ("parts: [{name: a, points: 1, figur: q3}]", "figur"),
        ("a: [", "no YAML"),
    ],
)
def test_a_wrong_rubric_is_named(tmp_path, text, message):
    path = tmp_path / "rubric.yaml"
    path.write_text(text)
    with pytest.raises(GradingError, match=message):
        read_rubric(path)


@pytest.mark.parametrize("name", ["a/../../b", "..", "x" * 300, "a\nb", "נועה לוי_1_x", ""])
def test_records_stay_in_their_folder(tmp_path, name):
    one = record(name, 1, 1)
    write_record(one, tmp_path / "out")
    assert read_record(tmp_path / "out" / one.folder) == one
    assert (tmp_path / "out" / one.folder).parent.resolve() == (tmp_path / "out").resolve()
    assert len(list((tmp_path / "out").iterdir())) == 1


def answers(wrong: dict[int, str], count: int = 60) -> dict:
    right = "".join("0" if place in wrong else "1" for place in range(count))
    return {"answers": [wrong.get(place, "x") for place in range(count)], "right": right}


def test_shared_mistakes_and_copies_are_shown_and_independent_ones_are_not():
    rows = [
        record(str(n), 50, 10, weights=str(n), **answers({n + k: f"{n}{k}" for k in range(8)}))
        for n in range(10)
    ]
    assert find_pairs(rows) == []
    same = answers({40 + k: "y" for k in range(8)})
    copies = [record(name, 50, 10, weights=name, **same) for name in ("one", "two")]
    (pair,) = find_pairs([*rows, *copies])
    assert pair.submissions == ("one", "two") and "8 same wrong answers" in pair.evidence[0]
    (group,) = find_pairs([record(name, 50, 10, weights="w") for name in "abc"])
    assert group.submissions == ("a", "b", "c")


def test_mistakes_on_other_pictures_are_not_compared():
    same = answers({40 + k: "y" for k in range(8)})
    rows = [record(str(n), 50, 10, weights=str(n), **answers({n: "z"})) for n in range(9)]
    pair = [record(d, 50, 10, weights=d, data=d, **same) for d in ("real", "sample")]
    assert find_pairs([*rows, *pair]) == []


def test_mistakes_that_everybody_makes_are_no_sign():
    common = dict.fromkeys(range(10), "y")
    rows = [record(str(n), 50, 10, weights=str(n), **answers(common)) for n in range(12)]
    assert find_pairs(rows) == []


def test_the_same_own_words_are_shown():
    rows = [record(str(n), 1, 1, shingles=list(range(n * 1000, n * 1000 + 100))) for n in range(9)]
    copy = record("copy", 1, 1, shingles=[*range(50), *range(90_000, 90_050)])
    (pair,) = find_pairs([*rows, copy])
    assert pair.submissions == ("0", "copy") and "50% of their own words" in pair.evidence[0]
