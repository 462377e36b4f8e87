"""Grading: a whole class of hand-ins, scored again, ranked, and made ready for Moodle."""
