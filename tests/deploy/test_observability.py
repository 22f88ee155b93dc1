"""Dashboard and alerts ask only for what /metrics really offers, in queries that Prometheus' grammar accepts."""

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from app.telemetry import metrics
from app.telemetry.metrics_registry import FAMILIES, Bounded

OPS = Path(__file__).parents[2] / "ops"
NAMED = re.compile(r"\b([a-z][a-z0-9]*(?:_[a-z0-9]+)+)\b(?!\s*\()")
SELECTOR = re.compile(r"([a-z][a-z0-9_]*)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
# Words of the query language and labels that Prometheus itself adds.
WORDS = {"group_left", "group_right", "status_class", "error_class"}


def offered() -> set[str]:
    """Every sample name that the service can expose."""
    names: set[str] = set()
    for family in FAMILIES:
        names |= {family, f"{family}_bucket", f"{family}_sum", f"{family}_count"}
    return names


def labels() -> dict[str, tuple[tuple[str, ...], Bounded[Any] | None]]:
    """Label names of each family, and its bounds."""
    found: dict[str, tuple[tuple[str, ...], Bounded[Any] | None]] = {}
    for value in vars(metrics).values():
        metric = value._metric if isinstance(value, Bounded) else value
        if hasattr(metric, "_labelnames") and hasattr(metric, "_name"):
            family = metric._name + ("_total" if metric._type == "counter" else "")
            found[family] = (tuple(metric._labelnames), value if isinstance(value, Bounded) else None)
    return found


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((OPS / "prometheus" / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    board = json.loads((OPS / "grafana" / "dashboard.json").read_text())
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries() -> list[tuple[str, str]]:
    """(where, expression); Grafana's interval variable is a duration."""
    asked = [(f"alert {rule['alert']}", rule["expr"]) for rule in alerts()]
    for panel in panels():
        for target in panel["targets"]:
            asked.append((f"panel {panel['title']}", target["expr"].replace("$__rate_interval", "5m")))
    return asked


@pytest.mark.parametrize(("where", "query"), queries())
def test_every_query_parses_and_names_metrics_and_labels_that_exist(where: str, query: str) -> None:
    promql_parser.parse(query)
    bare = re.sub(r'"[^"]*"|\bby\s*\([^)]*\)|\bon\s*\([^)]*\)', "", query)
    named = set(NAMED.findall(bare)) - WORDS
    assert named, where
    assert named <= offered(), where
    for family, matchers in SELECTOR.findall(query):
        base = re.sub(r"_(bucket|sum|count)$", "", family)
        names, bounded = labels()[base]
        for label, _, pattern in MATCHER.findall(matchers):
            assert label in names, where
            domain = bounded._domains[names.index(label)] if bounded else frozenset[str]()
            if isinstance(domain, frozenset):
                assert all(value in domain | {"none"} for value in pattern.split("|")), f"{where}: {label}={pattern}"


def test_labels_that_queries_group_by_exist() -> None:
    known = {name for names, _ in labels().values() for name in names} | {"le", "instance", "commit", "environment"}
    for where, query in queries():
        for group in re.findall(r"\bby\s*\(([^)]*)\)", query):
            assert {label.strip() for label in group.split(",") if label.strip()} <= known, where


def test_each_alert_says_what_it_means_and_what_to_do() -> None:
    rules = alerts()
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
        assert len(rule["annotations"]["action"]) > 20, rule["alert"]


def test_the_dashboard_shows_every_metric_of_the_service() -> None:
    shown = " ".join(query for where, query in queries() if where.startswith("panel"))
    hidden = [family for family in FAMILIES if family not in shown and not family.startswith("test_")]
    assert hidden == []


def test_panels_have_places_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
