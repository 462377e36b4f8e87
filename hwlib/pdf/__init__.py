"""Any notebook as a PDF, by pandoc and Typst; an nbconvert exporter.

Data flows one way: cells → blocks (``cells``, ``outputs``) → blocks that pandoc has read
(``document``) → Typst's data and the PDF (``compiler``), which is held against the same blocks
(``proof``).
"""

from hwlib.pdf.errors import PdfError as PdfError
from hwlib.pdf.exporter import TypstPDFExporter as TypstPDFExporter
from hwlib.pdf.exporter import make_pdf as make_pdf
