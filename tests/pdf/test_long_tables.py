from pdf.helpers import code, convert, result, text_of

from hwlib.pdf.long_tables import rows_to_keep, shorten_html

HEAD, ROW = "<thead><tr><th>a</th><th>b</th></tr></thead>", "<tr><td>1</td><td>2</td></tr>"


def table(rows: int) -> str:
    return f"<table>{HEAD}<tbody>{ROW * rows}</tbody></table>"


def test_long_tables_are_cut_before_pandoc_reads_them():
    short = shorten_html(table(300))
    assert short.count(ROW) == 200 and '<td colspan="2">… 100 more rows' in short
    assert short.startswith(f"<table>{HEAD}") and short.endswith("</tbody></table>")
    spanning = table(300).replace("<td>1", '<td rowspan="1">1')
    assert shorten_html(spanning) == spanning and shorten_html(table(300) * 2) == table(300) * 2
    assert len(shorten_html(table(300) * 200)) < 100_000  # what is very long is cut all the same


def test_a_few_long_tables_keep_200_rows_and_many_keep_fewer_of_each():
    assert rows_to_keep([]) == rows_to_keep([10_000] * 10) == (150, 50)
    assert rows_to_keep([10_000] * 40) == (37, 12)
    assert rows_to_keep([10_000] * 1000) == (35, 11)
    assert rows_to_keep([10_000] + [10] * 1000) == (150, 50)  # short ones are never cut


def test_forty_long_tables_say_how_many_rows_are_left_out():
    cells = [code("t", result(text__html=table(300), text__plain="t")) for _ in range(40)]
    text = text_of(convert(*cells))
    assert text.count("251 more rows are in the notebook") == 40
