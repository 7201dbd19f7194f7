"""The frame of a page: plain HTML that runs nothing, whatever a student called things."""

from __future__ import annotations

from html import escape

from kvmbench.topology.text import printable

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
body, a { color: #1c2430 }
h1 { font-size: 1.6rem } h2 { font-size: 1.25rem; margin-top: 2.2rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .35rem .6rem }
tr + tr { border-top: 1px solid #dfe4ea } th { color: #5a6675; font-weight: 600 }
td.n, th.n { text-align: right; white-space: nowrap } td:first-child { white-space: nowrap }
.passed { color: #1b7a3d } .failed { color: #b3261e; font-weight: 600 }
.blocked { color: #8a5a00; font-weight: 600 }
.hint { color: #3d4a5c; font-style: italic } .small { color: #5a6675; font-size: .9rem }
code { font-size: .92em } svg { max-width: 100%; height: auto } figure { margin: 1rem 0 }
.bar { background: #3b6fb6; height: .8rem; display: inline-block; border-radius: 2px }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, body: str) -> str:
    """A whole page. No script runs on it, and nothing is fetched (Content-Security-Policy)."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body><h1>{text(title)}</h1>\n{body}\n</body></html>\n"
    )


def text(words: object) -> str:
    """Words that are shown and mean nothing to a browser.

    >>> text("<b>\\x1b"), text(3)
    ('&lt;b&gt;□', '3')
    """
    return escape(printable(str(words)))


def table(titles: list[str], rows: list[list[str]], numbers: set[int] | None = None) -> str:
    """A table of cells that are HTML already; columns of `numbers` stand at the right."""
    right = numbers or set()

    def row(cells: list[str], tag: str) -> str:
        made = [f"<{tag}{' class=n' if at in right else ''}>{cell}</{tag}>" for at, cell in enumerate(cells)]
        return f"<tr>{''.join(made)}</tr>"

    return f"<table>{row(titles, 'th')}{''.join(row(each, 'td') for each in rows)}</table>"


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "student"), counted(2, "student")
    ('1 student', '2 students')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
