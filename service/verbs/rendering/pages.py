"""pages: HTML that needs nothing else: no script, no font, no request."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token

# below this width there is no room for columns: a row is a block, and each of its cells says which column it is of
NARROW = "(max-width: 40rem)"
# the attribute of a cell that holds the name of its column
HEAD = "data-head"
_STYLE = f"""
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
body {{ overflow-wrap: break-word; }}
table {{ border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }}
th, td {{ text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #8886; }}
code, tbody th {{ overflow-wrap: anywhere; }}
code {{ font: .9em ui-monospace, monospace; }}
h1 {{ line-height: 1.25; }}
h2 {{ margin-top: 2rem; font-size: 1.15rem; }}
@media {NARROW} {{
  table, caption, tbody, tr, th, td {{ display: block; }}
  thead {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }}
  tr {{ border-bottom: 1px solid #8886; padding: .4rem 0; }}
  th, td {{ border: 0; padding: .05rem 0; overflow-wrap: anywhere; }}
  [{HEAD}]::before {{ content: attr({HEAD}) ": "; opacity: .75; }}
  tbody tr > :first-child {{ font-weight: 600; }}
  td:empty {{ display: none; }}
}}
"""
# the browser is held to what the page promises: styles written in it, and nothing else
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html_document(title: str, markdown: str, *, language: str = "en") -> str:
    """A page around rendered Markdown; raw HTML in it is shown, not run."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(markdown)
    for cell_, head in _cells(tokens):
        cell_.attrSet(HEAD, head)
    return page_frame(title, reader.renderer.render(tokens, reader.options, {}), language=language)


def _cells(tokens: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    """Every cell but the first of a row, with the name of its column."""
    heads: list[str] = []
    column = 0
    for token, inside in pairwise(tokens):
        if token.type == "table_open":
            heads = []
        elif token.type == "th_open":
            heads.append(inside.content)
        elif token.type == "tr_open":
            column = 0
        elif token.type == "td_open":
            if column and heads[column]:
                yield token, heads[column]
            column += 1


def page_frame(title: str, body: str, *, style: str = "", language: str = "en") -> str:
    """A whole page around a body that is HTML already; `style` is added to the styles that all pages share."""
    return (
        f'<!doctype html>\n<html lang="{html.escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def cell(text: str) -> str:
    """Text that stays inside one cell of a Markdown table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
