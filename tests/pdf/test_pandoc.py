"""Markdown and HTML as Typst markup."""

import http.server
import os
import threading

import pypdfium2
import pytest
from nbformat.v4 import new_markdown_cell
from pdf.helpers import code, convert, squeezed, stream

from hwlib.pdf.errors import PdfError
from hwlib.pdf.pandoc import HTML, MARKDOWN, Piece, to_typst


@pytest.fixture
def server():
    """Listens on this machine, and notes what it is asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.asked = []
        listening.address = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize("text_format", [HTML, MARKDOWN])
def test_nothing_is_fetched_and_addresses_are_links(server, text_format):
    tags = '<p>words <iframe title="a>b" src="{0}/i"></iframe> <object data="{0}/o"></object></p>\n'
    tags += '<p><EMBED src={0}/e> <img src="{0}/p.png"> <img src="{0}/q.png" alt="chart"></p>'
    (markup,), warnings, *_ = to_typst([Piece(text_format, tags.format(server.address))])
    assert server.asked == [] and warnings == ""
    for path in ("i", "o", "e", "p.png"):
        assert f'#link("{server.address}/{path}")' in markup.markup
    assert f'#link("{server.address}/q.png")[chart]' in markup.markup
    assert markup.pictures == []
    assert markup.words[0].split()[:2] == ["words", f"{server.address}/i"]


def test_the_listener_would_have_noticed(server):
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{server.address}/x")
    assert server.asked == ["/x"]


def test_a_remote_picture_in_a_link_is_its_alternative_text():
    (markup,), *_ = to_typst([Piece(MARKDOWN, "[![Badge](https://a.b/c.svg)](https://d.e)")])
    assert markup.markup.strip() == '#link("https://d.e")[Badge]'


def test_code_and_comments_with_tags_stay_as_they_are():
    (markup,), *_ = to_typst(
        [Piece(MARKDOWN, '`<iframe src="x">` <!-- <embed src="y"> --> <b>z</b>')]
    )
    assert '<iframe src="x">' in markup.words[0] and "#link" not in markup.markup


def test_pictures_within_addresses_and_long_names_are_read_in_linear_time():
    zeros = "A" * 150_000 + "/b"  # each letter once took a search for the last slash
    before = os.times().children_user
    texts = [f"![a](data:image/png;base64,{zeros})", f"![]({zeros})", f"![b](http://c.d/{zeros}e)"]
    pieces = to_typst([Piece(MARKDOWN, text) for text in texts]).pieces
    assert [len(piece.pictures) for piece in pieces] == [1, 1, 0]
    assert os.times().children_user - before < 3


def test_texts_that_pandoc_cannot_take_are_an_error():
    with pytest.raises(PdfError, match="0 of the notebook's 1 texts"):
        to_typst([Piece(MARKDOWN, "half a pair: \ud83d")])


def test_text_cannot_become_markup():
    source = '#read("/etc/hostname") @ref <x> $5 and 6$ \\ * _ ` [x](#nowhere)'
    source += '\n\n```{=typst}\n#panic("no")\n```'
    pdf = convert(new_markdown_cell(source), code('#set page("a0")', stream('#panic("x")')))
    text = squeezed(pdf)
    assert '#read("/etc/hostname")@ref' in text
    assert '#panic("no")' in text and '#setpage("a0")' in text


def test_hebrew_paragraphs_begin_at_the_right():
    pdf = convert(new_markdown_cell("עולם\n\nEnglish and שלום"))
    page = pypdfium2.PdfDocument(pdf)[0]
    textpage = page.get_textpage()
    left = {
        textpage.get_text_range(n, 1): textpage.get_charbox(n)[0]
        for n in range(textpage.count_chars())
    }
    assert left["ע"] > page.get_width() / 2 > left["E"]
