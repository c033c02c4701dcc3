"""The estimate page's own styles, on top of those of the report pages."""

from service.verbs.linting.page_style import STYLE as _SHARED

# told apart by hue and by lightness on white and on black; the last two are the greys of what is no tensor
_PARTS = (
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#edc948", "#76b7b2", "#ff9da7", "#9c755f",
    "#a9a9a9", "#707070",
)  # fmt: skip
_COLOURS = "\n".join(f".color-{i} {{ fill: {colour}; background: {colour}; }}" for i, colour in enumerate(_PARTS))

STYLE = f"""{_SHARED}
.badge.fits {{ color: var(--good); }} .badge.tight {{ color: var(--warning); }} .badge.no {{ color: var(--error); }}
.drawn {{ max-width: 40rem; }}
.drawn text {{ dominant-baseline: auto; }}
.drawn .axis.y text {{ text-anchor: end; }} .drawn .axis.x text {{ text-anchor: middle; }}
.drawn .bar {{ fill: inherit; }}
.drawn path {{ fill: none; stroke: var(--line); }}
.drawn .over text {{ font-weight: 600; }}
.drawn .over path {{ stroke: var(--text); stroke-width: 2; stroke-dasharray: 6 3; }}
.drawn rect {{ stroke: var(--ground); stroke-width: .5; }}
.drawn .series path {{ fill: var(--plain); fill-opacity: .35; stroke: var(--plain); stroke-width: 1.5; }}
.legend {{ list-style: none; padding: 0; margin: .5rem 0; font-size: .9rem; }}
.legend li {{ display: inline-block; margin: 0 1rem .2rem 0; }}
.key {{ display: inline-block; width: .8rem; height: .8rem; margin-right: .35rem; vertical-align: -.05rem; }}
.key.capacity {{ height: 0; border-top: 2px dashed var(--text); vertical-align: .25rem; }}
{_COLOURS}
@media print {{ .key, .drawn {{ print-color-adjust: exact; }} }}
"""
