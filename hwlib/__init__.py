"""Behind ``HW1_ID1_ID2.ipynb``: the homework's mathematics, its networks, figures and export."""

__version__ = "0.2.0"
