"""Any notebook as a PDF, by pandoc and Typst; an nbconvert exporter.

Data flows one way: a file (``reading``) → cells → blocks (``cells``, ``outputs``) → blocks that
pandoc has read (``document``, ``pandoc``, ``templates/convert.lua``) → Typst's data and the PDF
(``compiler``, ``templates/notebook.typ``) with its ``receipt``. The PDF is held against the same
blocks (``proof``, ``formula_proof``).
"""

from hwlib.pdf.errors import PdfError as PdfError
from hwlib.pdf.exporter import TypstPDFExporter as TypstPDFExporter
from hwlib.pdf.exporter import make_pdf as make_pdf
