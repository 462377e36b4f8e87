"""Web pages of one file each, with their figures in them."""

import io
import re
from html import escape
from typing import Any

import jinja2
import matplotlib.pyplot as plt
from matplotlib.figure import Figure


def render(package: str, template: str, **values: Any) -> str:
    """Return a page from a package's template, which extends ``base.html`` of ours."""
    loaders = [jinja2.PackageLoader(name) for name in (package, "hwlib.pages")]
    pages = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return pages.get_template(template).render(**values)


def as_svg(figure: Figure, alt: str) -> str:
    """Return a figure as an element of a page, with text that can be found and ids that are unique.
    ``alt`` says what it shows to those who do not see it.
    """
    buffer = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": alt}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    drawn = buffer.getvalue()
    drawn = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", drawn[drawn.index("<svg") :])
    return drawn.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)
