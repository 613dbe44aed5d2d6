from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from synthlab.report.markup import Html, facts, render, table, tag


class _Seen(HTMLParser):
    """What a parser makes of a text: its elements, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


# Any text, and what is hardly ever drawn from all characters: pieces of markup.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1) | st.lists(
    st.sampled_from(["<", "</", ">", "<b>", "&", "&lt;", '"', "'", "<!--", "/>", "=", "x"]), min_size=1
).map("".join)


@given(TEXTS, TEXTS)
def test_no_text_becomes_markup(content: str, value: str) -> None:
    seen = _Seen(tag("p", content, title=value))
    assert seen.elements == [("p", {"title": value})]
    assert seen.text == content


@given(TEXTS)
def test_no_text_breaks_out_of_a_table_or_a_list(text: str) -> None:
    seen = _Seen(table(text, (text, text), [(text, text)]) + facts([(text, text)]))
    names = [name for name, _ in seen.elements]
    assert sorted(set(names)) == [
        "caption",
        "dd",
        "div",
        "dl",
        "dt",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
    ]
    assert seen.text == text * 7


def test_attributes_and_parts() -> None:
    assert tag("td", ["a", None, Html("<b>x</b>"), ("<",)], class_="n", hidden=True, id=None) == (
        '<td class="n" hidden>a<b>x</b>&lt;</td>'
    )
    assert tag("img", src="data:,", alt="") == '<img src="data:," alt="">'
    assert render(None) == ""


def test_a_table_names_its_rows_and_columns() -> None:
    seen = _Seen(table("c", ("who", "n"), [("a", "1")], numeric=(1,)))
    assert [attributes for name, attributes in seen.elements if name == "th"] == [
        {"scope": "col"},
        {"scope": "col", "class": "n"},
        {"scope": "row"},
    ]
