"""What is said of a bundle."""

from hwlib.submission.bundle import BundleError
from hwlib.submission.report import CatScore, Check, DigitScore, Report


def raise_error(error: Exception):
    raise error


def test_a_report_holds_only_if_every_check_does():
    report = Report()
    assert not report.ok  # nothing was looked at
    assert report.check("first", lambda: "all is well") and report.ok
    assert report.read("second", lambda: 0, "{} found".format) == 0 and report.ok
    assert not report.check("third", lambda: raise_error(BundleError("It is not.")))
    assert report.read("fourth", lambda: {}["x"], str) is None
    assert not report.ok
    assert report.checks == [
        Check("first", True, "all is well"),
        Check("second", True, "0 found"),
        Check("third", False, "It is not."),
        Check("fourth", False, "This part of the bundle is malformed (KeyError: 'x')."),
    ]


def test_a_report_becomes_what_the_contract_says():
    report = Report([Check("q3", True, "as claimed")])
    empty = {"ok": True, "checks": [{"name": "q3", "ok": True, "message": "as claimed"}]}
    assert report.as_dict() == empty | {"q3": {}, "q4": {}}
    report.q3, report.q4 = DigitScore(0.5), CatScore(0.25, 1, 4, 99, "hash")
    scores = report.as_dict()
    assert scores["q3"] == {"test_accuracy": 0.5}
    q4 = {"accuracy": 0.25, "correct": 1, "total": 4, "parameters": 99, "pictures": "hash"}
    assert scores["q4"] == q4
