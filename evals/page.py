"""The report as one HTML file: tables, plots as SVG, every faulty dialogue with its words. Opens without internet."""

import html
from collections.abc import Callable, Iterable, Sequence
from statistics import median

import leather  # type: ignore[import-untyped]  # SVG charts in plain Python, one package; matplotlib brings seven, 60 MB

from evals.matching import Count
from evals.summary import EvalReport, Played, by_misbehaviour, percentile

_STYLE = """
:root { color-scheme: light; --ink: #1c2430; --soft: #5b6676; --line: #dfe4ea; --good: #1a7f4b; --bad: #b3261e; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p.lead { color: var(--soft); margin-top: 0; }
.cards { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1rem 0; }
.card { border: 1px solid var(--line); border-radius: .6rem; padding: .6rem .9rem; min-width: 8rem; }
.card b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: .85rem; }
.good b { color: var(--good); } .bad b { color: var(--bad); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
th, td { text-align: right; padding: .3rem .5rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
th { color: var(--soft); font-weight: 600; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(27rem, 1fr)); gap: 1rem; }
.plots svg { width: 100%; height: auto; }
details { border: 1px solid var(--line); border-radius: .6rem; padding: .5rem .8rem; margin: .5rem 0; }
summary { cursor: pointer; } ul.faults { color: var(--bad); margin: .4rem 0; }
.said { white-space: pre-wrap; margin: .25rem 0; padding: .35rem .6rem; border-radius: .5rem; }
.them { background: #eef6ff; margin-right: 3rem; } .us { background: #f3f4f6; margin-left: 3rem; }
"""
_WIDTH, _HEIGHT = 620, 330
_BLUE, _GREEN = "#2f6fbb", "#2f9e6b"
leather.theme.background_color = "#ffffff"
leather.theme.title_color = leather.theme.label_color = "#1c2430"
leather.theme.title_font_family = leather.theme.tick_font_family = leather.theme.label_font_family = "sans-serif"


def page(report: EvalReport) -> str:
    """The whole document."""
    faulty = report.faulty
    parts = [
        f"<h1>Evaluation of the {_e(report.tier)} tier</h1>",
        f'<p class="lead">{len(report.played)} scripted dialogues in {len(_languages(report))} languages, '
        f"{sum(len(one.run.turns) for one in report.played)} turns, {report.seconds:.1f} s. Read by "
        f"{_e(', '.join(f'{tier}: {count}' for tier, count in report.turns_by_tier.items()))}.</p>",
        _cards(report),
        "<h2>Fields</h2>",
        _field_table(report),
        "<h2>Plots</h2>",
        f'<div class="plots">{"".join(_plots(report))}</div>',
        "<h2>Languages</h2>",
        _group_table(report, "language", lambda one: one.run.dialogue.id.partition("-")[0]),
        "<h2>Personas</h2>",
        _group_table(report, "persona", lambda one: one.run.dialogue.persona),
        *_misbehaviour(report.misbehaved),
        f"<h2>Dialogues with a fault ({len(faulty)})</h2>",
        *(_dialogue(one) for one in faulty),
        f"<h2>Dialogues as expected ({len(report.played) - len(faulty)})</h2>",
        *(_dialogue(one) for one in report.played if one.perfect),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Evaluation: {_e(report.tier)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def _misbehaviour(report: EvalReport | None) -> list[str]:
    """What came of models that do wrong, and where something did."""
    if report is None:
        return []
    parts = by_misbehaviour(report)
    rows = [
        (
            name,
            len(one.played),
            f"{one.every_total.f1:.3f}",
            f"{one.evidence_rate:.1%}",
            len(one.forbidden),
            len(one.guard_hits),
            f"{median(one.turn_seconds) * 1000:.0f} ms",
        )
        for name, one in parts.items()
    ]
    head = ("misbehaviour", "dialogues", "F1", "evidence", "forbidden", "guard hits", "turn, median")
    evidence = [(round(one.every_total.f1, 3), name) for name, one in reversed(parts.items())]
    return [
        f"<h2>Misbehaviour of models ({len(report.played)} dialogues)</h2>",
        _table(head, rows),
        f'<div class="plots">{_bars("F1 of all fields by misbehaviour", evidence)}</div>',
        *(_dialogue(one) for one in report.faulty),
    ]


def _e(text: object) -> str:
    return html.escape(str(text))


def _languages(report: EvalReport) -> list[str]:
    return sorted({one.run.dialogue.id.partition("-")[0] for one in report.played})


def _cards(report: EvalReport) -> str:
    turns, to_qualified = report.turn_seconds, report.messages_to_qualified
    cards = [
        (f"{report.asked_total.f1:.3f}", "F1 on asked answers", report.asked_total.f1 >= 0.90),
        (f"{report.evidence_rate:.1%}", "facts with evidence", report.evidence_rate == 1.0),
        (len(report.forbidden), "forbidden facts", not report.forbidden),
        (len(report.contradicted), "contradicted values", not report.contradicted),
        (len(report.guard_hits), "guard hits", not report.guard_hits),
        (f"{sum(one.perfect for one in report.played)}/{len(report.played)}", "dialogues without a fault", None),
        (f"{median(to_qualified):g}" if to_qualified else "–", "messages to qualified, median", None),
        (report.asked_again, "questions asked again", None),
        (f"{median(turns) * 1000:.0f} ms" if turns else "–", "turn, median", None),
        (f"{percentile(turns, 0.95) * 1000:.0f} ms", "turn, p95", None),
        (f"${report.cost_usd:.4f}", "cost of the run", None),
    ]
    classes = {None: "card", True: "card good", False: "card bad"}
    shown = "".join(
        f'<div class="{classes[good]}"><b>{_e(value)}</b><span>{_e(label)}</span></div>' for value, label, good in cards
    )
    return f'<div class="cards">{shown}</div>'


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    top = "".join(f"<th>{_e(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{_e(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _field_table(report: EvalReport) -> str:
    def row(name: str, asked: Count, every: Count, first: Count) -> list[object]:
        return [name, *_numbers(asked), *_numbers(every), f"{first.f1:.3f}"]

    rows = [
        row(name, report.asked.get(name, Count()), every, report.first.get(name, Count()))
        for name, every in report.every.items()
    ]
    rows.append(row("all", report.asked_total, report.every_total, report.first_total))
    one = ("right", "wrong", "missing", "precision", "recall", "F1")
    head = ("field", *(f"{name} (asked)" for name in one), *(f"{name} (all)" for name in one), "F1 (as first stored)")
    return _table(head, rows)


def _numbers(count: Count) -> list[object]:
    seen = count.right or count.wrong or count.missing
    shares = (f"{value:.3f}" if seen else "–" for value in (count.precision, count.recall, count.f1))
    return [count.right, count.wrong, count.missing, *shares]


def _grouped(report: EvalReport, key: Callable[[Played], str]) -> dict[str, list[Played]]:
    groups: dict[str, list[Played]] = {}
    for one in report.played:
        groups.setdefault(key(one), []).append(one)
    return groups


def _group_table(report: EvalReport, name: str, key: Callable[[Played], str]) -> str:
    rows = []
    for group, played in _grouped(report, key).items():
        total, to_qualified = _total(played), [one.run.qualified_after for one in played if one.run.qualified_after]
        rows.append(
            (
                group,
                len(played),
                sum(one.perfect for one in played),
                f"{total.f1:.3f}",
                sum(len(one.marks.forbidden) for one in played),
                sum(len(one.marks.guard) for one in played),
                f"{median(to_qualified):g}" if to_qualified else "–",
            )
        )
    return _table((name, "dialogues", "without fault", "F1 asked", "forbidden", "guard hits", "messages"), rows)


def _total(played: Iterable[Played]) -> Count:
    total = Count()
    for one in played:
        for count in one.marks.asked.values():
            total.add(count)
    return total


def _plots(report: EvalReport) -> list[str]:
    fields = [(round(count.f1, 3), name.replace("_", " ")) for name, count in reversed(report.asked.items())]
    groups = _grouped(report, lambda one: one.run.dialogue.id.partition("-")[0])
    languages = [(code, round(_total(played).f1, 3)) for code, played in groups.items()]
    plots = [
        _bars("F1 on asked answers by field", fields),
        _columns("F1 on asked answers by language", languages, _GREEN, most=1.0),
        _columns("Messages to qualified (dialogues)", _histogram(report.messages_to_qualified), _BLUE),
        _columns("Turn time, milliseconds (turns)", _latencies(report.turn_seconds), _BLUE),
    ]
    if report.cost_usd:
        costs = [(code, round(sum(one.marks.cost_usd for one in played), 4)) for code, played in groups.items()]
        plots.append(_columns("Cost by language, USD", costs, _GREEN))
    return plots


def _bars(title: str, data: Sequence[tuple[float, str]]) -> str:
    chart = leather.Chart(title)
    chart.add_x_scale(0, 1)
    chart.add_bars(data, fill_color=_BLUE)
    return _svg(chart)


def _columns(title: str, data: Sequence[tuple[str, float]], colour: str, *, most: float | None = None) -> str:
    if not data:
        return ""
    chart = leather.Chart(title)
    chart.add_y_scale(0, most or max(1.0, *(value for _, value in data)))
    chart.add_columns(data, fill_color=colour)
    return _svg(chart)


def _svg(chart: leather.Chart) -> str:
    """Scales with the page: leather writes no viewBox, without which a browser cuts instead of scaling."""
    drawn = str(chart.to_svg(width=_WIDTH, height=_HEIGHT))
    return drawn.replace("<svg ", f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" ', 1)


def _histogram(values: Sequence[int]) -> list[tuple[str, float]]:
    return [(str(n), float(values.count(n))) for n in range(values[0], values[-1] + 1)] if values else []


def _latencies(seconds: Sequence[float]) -> list[tuple[str, float]]:
    """Turns per range; edges double, so that 3 ms and 3 s both fit."""
    edges = [2**power for power in range(15)]
    counts = [(low, sum(low <= value * 1000 < 2 * low for value in seconds)) for low in edges]
    used = [index for index, (_, count) in enumerate(counts) if count]
    return [(f"≥ {low}", float(n)) for low, n in counts[used[0] : used[-1] + 1]] if used else []


def _dialogue(one: Played) -> str:
    listed = "".join(f'<li dir="auto">{_e(fault)}</li>' for fault in one.complaints)
    said = []
    for turn in one.run.turns:
        said += [f'<div class="said them" dir="auto">{_e(text)}</div>' for text in turn.candidate]
        said += [f'<div class="said us" dir="auto">{_e(reply.text)}</div>' for reply in turn.replies]
    played_by = "".join(f" · {_e(name)}" for name in (one.vendor, one.misbehaviour) if name)
    head = f"{_e(one.run.dialogue.id)}{played_by} · {one.run.messages} messages · {_e(one.run.stage)}"
    return f'<details><summary>{head}</summary><ul class="faults">{listed}</ul>{"".join(said)}</details>'
