"""The frame of a page: plain HTML that runs nothing, whatever a student called things."""

from __future__ import annotations

import re
from html import escape

from kvmbench.topology.text import printable

_STYLE = """
:root { color-scheme: light dark; --text: #1c2430; --quiet: #5a6675; --back: #fff; --line: #dfe4ea;
  --bar: #3b6fb6; --passed: #1b7a3d; --failed: #b3261e; --blocked: #8a5a00; --hint: #3d4a5c }
@media screen and (prefers-color-scheme: dark) { :root { --text: #e6e9ee; --quiet: #a7b1be; --back: #15191f;
  --line: #343c47; --bar: #6b9fe6; --passed: #6fd08f; --failed: #ff8f86;
  --blocked: #f0b84a; --hint: #c3ccd8 } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
body, a { color: var(--text) } body { background: var(--back) }
a:focus-visible { outline: 3px solid var(--bar); outline-offset: 2px }
h1 { font-size: 1.6rem } h2 { font-size: 1.25rem; margin-top: 2.2rem }
h1, td, th, p, li { overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .35rem .6rem; font-weight: inherit }
tbody tr { border-top: 1px solid var(--line) }
thead th { color: var(--quiet); font-weight: 600; overflow-wrap: normal }
td.n, th.n { text-align: right; white-space: nowrap } tr > :first-child { white-space: nowrap }
.passed { color: var(--passed) } .failed { color: var(--failed); font-weight: 600 }
.blocked { color: var(--blocked); font-weight: 600 }
.hint { color: var(--hint); font-style: italic } .small { color: var(--quiet); font-size: .9rem }
code { font-size: .92em } svg { max-width: 100%; height: auto; display: block }
figure { margin: 1rem 0; background: #fff; border-radius: 6px }
.bar { background: var(--bar); height: .8rem; min-width: 2px; display: inline-block; border-radius: 2px;
  print-color-adjust: exact; -webkit-print-color-adjust: exact } td:has(.bar) { width: 60% }
@media screen and (max-width: 40rem) { table, tbody, tr, tbody th, td { display: block }
  thead { display: none }
  tbody tr { padding: .5rem 0 } tbody th, td, td.n { padding: .1rem 0; text-align: left; white-space: normal }
  tbody [data-title]:not(:empty)::before {
    content: attr(data-title) ": "; color: var(--quiet); font-weight: 400 }
  td:has(.bar) { width: auto } td:has(.bar)::before { display: none } }
@media print { body { max-width: none; margin: 0; font-size: 11pt } tr, figure, h2 { break-inside: avoid }
  h2 { break-after: avoid } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, body: str) -> str:
    """A whole page. No script runs on it, and nothing is fetched (Content-Security-Policy)."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body><main><h1>{text(title)}</h1>\n{body}\n</main></body></html>\n"
    )


def text(words: object) -> str:
    """Words that are shown and mean nothing to a browser.

    >>> text("<b>\\x1b"), text(3)
    ('&lt;b&gt;□', '3')
    """
    return escape(printable(str(words)))


def prose(words: object) -> str:
    """The same, where what stands between backticks is a command.

    >>> prose("`ip link` shows <all>")
    '<code>ip link</code> shows &lt;all&gt;'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text(words))


def table(
    titles: list[str], rows: list[list[str]], numbers: set[int] | None = None, *, names_row: int = 0
) -> str:
    """A table of cells that are HTML already.

    Columns of `numbers` stand at the right; the cell in column `names_row` says what its row is about.
    """
    right = numbers or set()

    def cell(at: int, html: str, scope: str) -> str:
        tag, more = ("th", f" scope={scope}") if scope else ("td", "")
        more += "" if scope == "col" else f' data-title="{titles[at]}"'  # on a phone, where cells are stacked
        return f"<{tag}{more}{' class=n' if at in right else ''}>{html}</{tag}>"

    head = "".join(cell(at, title, "col") for at, title in enumerate(titles))
    made = (
        "".join(cell(at, html, "row" if at == names_row else "") for at, html in enumerate(row))
        for row in rows
    )
    body = "".join(f"<tr>{row}</tr>" for row in made)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "student"), counted(2, "student")
    ('1 student', '2 students')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
