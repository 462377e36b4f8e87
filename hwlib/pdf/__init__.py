"""Any notebook as a PDF, by pandoc and Typst; an nbconvert exporter."""

from hwlib.pdf.exporter import TypstPDFExporter as TypstPDFExporter
