"""HTML that cannot be broken by what it shows: text is escaped unless it was built here."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_VOID = frozenset({"meta", "img", "br", "col"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Html | Iterable["Content"] | None


def render(content: Content) -> Html:
    """Return content as HTML: plain text escaped, parts joined, None left out."""
    if content is None:
        return Html()
    if isinstance(content, Html):
        return content
    if isinstance(content, str):
        return Html(html.escape(content, quote=False))
    return Html("".join(render(part) for part in content))


def tag(name: str, /, *content: Content, **attributes: str | int | bool | None) -> Html:
    """Return an element.

    Parameters
    ----------
    name : str
    *content : str, Html or iterable of them
    **attributes : str, int, bool or None
        A trailing ``_`` is dropped and others become ``-``; None and False are left out,
        True has no value.
    """
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}"
        + ("" if value is True else f'="{html.escape(str(value), quote=True)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{render(content)}</{name}>")


def table(
    caption: Content,
    header: Sequence[Content],
    rows: Iterable[Sequence[Content]],
    *,
    numeric: Iterable[int] = (),
    class_: str | None = None,
) -> Html:
    """Return a table whose first column names its rows.

    Parameters
    ----------
    caption : str
    header : sequence of str
    rows : iterable of sequences
    numeric : iterable of int
        Columns of numbers: set to the right.
    class_ : str, optional
    """
    right = frozenset(numeric)

    def cell(column: int, content: Content) -> Html:
        kind = "n" if column in right else None
        return tag("th", content, scope="row") if column == 0 else tag("td", content, class_=kind)

    head = (
        tag("th", name, scope="col", class_="n" if column in right else None)
        for column, name in enumerate(header)
    )
    body = (tag("tr", (cell(column, content) for column, content in enumerate(row))) for row in rows)
    # A wide table scrolls by itself: by keyboard too, so it can be reached.
    return tag(
        "div",
        tag("table", tag("caption", caption), tag("thead", tag("tr", head)), tag("tbody", body)),
        class_=f"scroll {class_}" if class_ else "scroll",
        tabindex=0,
        role="region",
        aria_label=str(caption) if isinstance(caption, str) else None,
    )


def facts(entries: Iterable[tuple[str, Content]]) -> Html:
    """Return names with their values, as a list."""
    return tag("dl", (tag("div", tag("dt", name), tag("dd", value)) for name, value in entries))
