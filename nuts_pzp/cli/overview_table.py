"""The overview for the terminal, in the words that clinicians read (design 7). Pure: a value in, a renderable out.

Conflicts and missing sources come first and are never folded away. What sources wrote is shown, never obeyed: control
characters, escape sequences, changes of writing direction and markup lose their power.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..overview.codes import normal
from ..overview.dates import dutch, read_date
from ..overview.shape import Aside, Entry, Item, Overview, Section, SourceRow

_COLORS = {"high": "bold red", "medium": "yellow", "low": "dim"}
_REPLACED = "\ufffd"
_JOINERS = "\u00ad\u200c\u200d"
_SEPARATORS = "\x1c\x1d\x1e\x1f\x85"
_MOST_RECENT = "Meest actueel bekend ({}, {})"


def overview_table(overview: Overview) -> RenderableType:
    """Return the whole overview: who, what is missing, every item, conversations, what was put aside."""
    overview = msgspec.convert(_harmless(msgspec.to_builtins(overview)), Overview)
    parts: list[RenderableType] = [_heading(overview)]
    if not overview.complete:
        parts.append(Panel(Text("\n".join(overview.banner), style="bold red"), title="Niet volledig"))
    parts += [_section_table(overview, section) for section in overview.sections]
    parts.append(_sources(overview.sources))
    if overview.conversations:
        parts.append(_conversations(overview))
    parts += _asides("Niet te plaatsen", overview.unmapped)
    parts += _asides("Niet meegenomen", overview.excluded)
    return Group(*parts)


def _harmless(node: Any) -> Any:
    if isinstance(node, str):
        return harmless(node)
    if isinstance(node, dict):
        return {key: _harmless(value) for key, value in node.items()}
    return [_harmless(one) for one in node] if isinstance(node, list | tuple) else node


def harmless(text: str) -> str:
    """Return a text that a terminal only shows: every kind of white space is a space, what would steer is `\ufffd`."""
    return text if text.isprintable() else "".join(_shown(one) for one in text)


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    blank = character.isspace() and character not in _SEPARATORS
    return " " if blank else _REPLACED


def _heading(overview: Overview) -> Text:
    patient = overview.patient
    born = f", geboren {_day(patient.birth_date)}" if patient.birth_date else ""
    test = " [TEST]" if patient.test else ""
    return Text(f"{patient.name or 'Patiënt'}{born}{test}", style="bold")


def _section_table(overview: Overview, section: Section) -> Table:
    table = Table(
        title=section.title, title_justify="left", title_style="bold cyan", box=SIMPLE, expand=True, show_header=False
    )
    for ratio in (3, 5, 3, 4):
        table.add_column(ratio=ratio, overflow="fold")
    for item in section.items:
        where = _where(item, complete=overview.complete)
        table.add_row(Text(item.label), _answer(item), Text(where, style="dim"), _attention(item))
    return table


def _answer(item: Item) -> Text:
    if item.conflict is not None:
        text = Text(item.display, style="bold red")
        for one in item.conflict.candidates:
            text.append(f"\n- {_line(one)}", style="red")
        return text
    text = Text(item.display, style="dim" if item.state == "not-recorded" else "")
    for words in dict.fromkeys((item.specification, item.comment)):
        if words and words not in item.display:
            text.append(f"\n{words}", style="italic")
    for line in _beside(item):
        text.append(f"\n{line}")
    if item.last_known is not None:
        known = item.last_known
        text.append(f"\nEerder: {known.value.display} ({_day(known.date)}, {known.source.name})", style="yellow")
    for one in item.history:
        text.append(f"\nEerder vastgelegd: {_line(one)}", style="dim")
    return text


def _beside(item: Item) -> list[str]:
    """Every active document; and who says the same with more words, or with another way to reach somebody."""
    filed = item.value is not None and bool(item.value.documents)
    said = {normal(words) for words in (item.display, item.specification, item.comment) if words}
    more = (*item.corroborated_by, *(() if filed else item.parallel))
    own = [one for one in more if not {normal(words) for words in _words(one)} <= said and not _leads(item, one)]
    return [f"- {_line(one)}" for one in (*(item.parallel if filed else ()), *own)]


def _leads(item: Item, one: Entry) -> bool:
    return (item.source, item.ref) == (one.source, one.ref)


def _words(one: Entry) -> list[str]:
    return [words for words in (one.value.display, one.specification, one.comment) if words]


def _line(one: Entry) -> str:
    words = f"{one.value.display} ({_day(one.date)}, {one.source.name})"
    more = [text for text in dict.fromkeys((one.specification, one.comment)) if text and text not in words]
    return ": ".join((words, *more))


def _where(item: Item, *, complete: bool) -> str:
    if item.source is None:
        return ""
    day, name = _day(item.date), item.source.name
    where = f"{day}, {name}" if complete else _MOST_RECENT.format(day, name)
    also = sorted({one.source.name for one in item.corroborated_by} - {name})
    return where + (f"\nook: {', '.join(also)}" if also else "")


def _attention(item: Item) -> Text:
    text = Text()
    for mark in item.attention:
        text.append(("\n" if text else "") + mark.text, style=_COLORS[mark.severity])
    return text


def _sources(rows: Iterable[SourceRow]) -> Table:
    table = Table("Bron", "Stand", title="Bronnen", expand=True)
    for row in rows:
        table.add_row(Text(row.name), Text(row.notice, style="" if row.status == "ok" else "bold red"))
    return table


def _conversations(overview: Overview) -> Table:
    table = Table("Datum", "Bron", "Gevoerd door", "In bijzijn van", "Vastgelegd", title="Per gesprek", expand=True)
    for one in overview.conversations:
        by = one.by if one.held else f"{one.by} ({one.note})"
        cells = (_day(one.date), one.source.name, by, ", ".join(one.present), str(len(one.statements)))
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _asides(title: str, put: tuple[Aside, ...]) -> list[RenderableType]:
    if not put:
        return []
    lines = "\n".join(f"{one.source.name}: {one.ref} ({one.reason})" for one in put)
    return [Panel(Text(lines), title=f"{title} ({len(put)})")]


def _day(text: str | None) -> str:
    when = read_date(text) if text else None
    return dutch(when) if when else (text or "zonder datum")
