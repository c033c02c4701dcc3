"""elements: HTML built as a tree, so that what is put into it is escaped by whoever writes it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from service.verbs.rendering.pages import HEAD

Inside = ET.Element | str


def element(name: str, *inside: Inside, **attributes: str) -> ET.Element:
    """An element with text and elements in it; `class_` is class, and _ in other attribute names is -."""
    made = ET.Element(name, {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()})
    for one in inside:
        if isinstance(one, str):
            if len(made):
                made[-1].tail = (made[-1].tail or "") + one
            else:
                made.text = (made.text or "") + one
        else:
            made.append(one)
    return made


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[Inside]], *, numbers: Iterable[int] = ()
) -> Inside:
    """A table with a caption; `numbers` are the columns that hold figures, and the first cell heads its row.

    Every other cell has the name of its column, for screens that have no room for columns.
    """
    right = set(numbers)

    def cell(name: str, place: int, content: Inside, **attributes: str) -> ET.Element:
        if place in right:
            attributes["class_"] = "number"
        return element(name, content, **attributes)

    body = [
        element(
            "tr",
            *(
                cell("td", i, one, **{HEAD: head[i]}) if i else cell("th", 0, one, scope="row")
                for i, one in enumerate(row)
            ),
        )
        for row in rows
    ]
    heads = (cell("th", i, one, scope="col") for i, one in enumerate(head))
    return element(
        "table", element("caption", caption), element("thead", element("tr", *heads)), element("tbody", *body)
    )


def prose(markdown: str) -> ET.Element:
    """Markdown as a block; raw HTML in it is shown, not run."""
    from markdown_it import MarkdownIt

    # the commonmark preset writes XHTML, which the parser takes as it is
    return ET.fromstring(f"<div>{MarkdownIt('commonmark', {'html': False}).render(markdown)}</div>")  # noqa: S314


def markup(elements: Iterable[ET.Element]) -> str:
    """The elements as HTML, one per line."""
    return "".join(ET.tostring(one, encoding="unicode", method="html") + "\n" for one in elements)
