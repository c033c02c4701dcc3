"""The lint page's own styles, for screens in daylight and at night, and for paper."""

from service.verbs.rendering.pages import NARROW

# every pair of text and ground has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3); a test computes it
LIGHT = {
    "text": "#1a1a1a", "ground": "#ffffff", "soft": "#f3f4f6", "quiet": "#4b5563", "line": "#d1d5db",
    "error": "#b3261e", "warning": "#8a5300", "info": "#1f5fa8", "good": "#1b6e3a", "plain": "#3b5b92",
}  # fmt: skip
DARK = {
    "text": "#ececec", "ground": "#16181c", "soft": "#22262c", "quiet": "#b4bac4", "line": "#3d434d",
    "error": "#ff8a80", "warning": "#ffc46b", "info": "#8ec5ff", "good": "#7fd8a0", "plain": "#9db8ec",
}  # fmt: skip


def _variables(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


STYLE = f"""
:root {{ {_variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
body {{ color: var(--text); background: var(--ground); }}
h1 {{ font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }}
h3 {{ font-size: 1.05rem; margin: 0 0 .5rem; }}
h4 {{ font-size: .9rem; margin: .75rem 0 .1rem; color: var(--quiet); }}
article p {{ margin: .1rem 0 .5rem; }}
small, caption, footer, figcaption {{ color: var(--quiet); font-size: .9rem; }}
caption {{ text-align: left; padding: .25rem 0; }}
th, td {{ border-color: var(--line); font-weight: inherit; }}
thead th {{ font-weight: 600; }}
.number {{ font-variant-numeric: tabular-nums; }}
@media not all and {NARROW} {{ .number {{ text-align: right; }} }}
.verdict {{ border-left: .5rem solid var(--good); background: var(--soft); padding: 1rem 1.25rem; }}
.verdict.fail {{ border-color: var(--error); }}
.badge {{ font-size: .8rem; font-weight: 600; border: 1px solid; border-radius: .25rem; padding: 0 .35rem; }}
.badge.error {{ color: var(--error); }} .badge.warning {{ color: var(--warning); }}
.badge.info {{ color: var(--info); }}
article {{ border: 1px solid var(--line); border-radius: .4rem; padding: 1rem; margin: 1rem 0; }}
pre {{ background: var(--soft); padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }}
figure {{ margin: 1.5rem 0; }}
svg {{ width: 100%; height: auto; max-width: 28rem; display: block; }}
svg text {{ font: 13px system-ui, sans-serif; fill: var(--text); dominant-baseline: central; }}
svg .label {{ text-anchor: end; }}
.bar {{ fill: var(--plain); }} .bar.good {{ fill: var(--good); }} .bar.error {{ fill: var(--error); }}
.bar.warning {{ fill: var(--warning); }} .bar.info {{ fill: var(--info); }}
footer {{ margin-top: 3rem; overflow-wrap: anywhere; }}
@media print {{
  :root {{ {_variables(LIGHT)} color-scheme: light; }}
  body {{ max-width: none; margin: 0; font-size: 11pt; }}
  article, figure, tr {{ break-inside: avoid; }}
  h2, h3, h4 {{ break-after: avoid; }}
  details::details-content {{ content-visibility: visible; block-size: auto; }}
}}
"""
