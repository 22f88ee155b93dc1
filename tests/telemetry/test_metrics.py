"""Metrics are right for one process and for several, and no label grows without bound."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from app.telemetry import metrics
from app.telemetry.metrics_registry import FAMILIES, Bounded, counter, render_metrics

_MANY = Bounded(counter("test_many_total", "For this test.", ("kind", "model")), frozenset({"a", "b"}), 5)

# What a worker process does: count, observe, set a gauge, then live until it is told or killed.
_WORKER = """
import os, sys
from app.telemetry import metrics
metrics.OPT_OUTS.inc(3)
metrics.WEBHOOK_EVENTS("whatsapp", "stored").inc(2)
metrics.TURN_SECONDS("committed", "claude").observe(0.7)
metrics.TURNS_IN_FLIGHT.set(4)
metrics.LOOP_LAG.set(float(sys.argv[1]))
metrics.MAILBOX_DUE.set(9)
print("up", flush=True)
sys.stdin.readline()
"""
_SCRAPE = """
import sys
from app.telemetry import metrics
from app.telemetry.metrics_registry import forget_process, render_metrics
for pid in sys.argv[1:]:
    forget_process(int(pid))
sys.stdout.write(render_metrics()[0].decode())
"""


def _samples(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name + str(sorted(sample.labels.items()))] = sample.value
    return found


class Replica:
    """Worker processes that share one metrics directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)}
        self.workers: list[subprocess.Popen[str]] = []

    def start(self, lag: str) -> subprocess.Popen[str]:
        worker = subprocess.Popen(
            [sys.executable, "-c", _WORKER, lag],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == "up\n"
        self.workers.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[str]) -> None:
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            if pipe is not None:
                pipe.close()

    def scrape(self, *ended: int) -> dict[str, float]:
        done = subprocess.run(
            [sys.executable, "-c", _SCRAPE, *map(str, ended)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return _samples(done.stdout)


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Replica]:
    made = Replica(tmp_path)
    yield made
    for worker in made.workers:
        if worker.poll() is None:
            made.kill(worker)


STORED = "webhook_events_total[('channel', 'whatsapp'), ('outcome', 'stored')]"
TURNS = "turn_duration_seconds_count[('outcome', 'committed'), ('tier', 'claude')]"


def test_processes_add_up_and_a_dead_one_leaves_its_counts_but_not_its_gauges(replica: Replica) -> None:
    first, second = replica.start("0.5"), replica.start("2.5")
    both = replica.scrape()
    assert (both["opt_outs_total[]"], both[STORED], both[TURNS]) == (6, 4, 2)
    assert (both["turns_in_flight[]"], both["worker_event_loop_lag_seconds[]"]) == (8, 2.5)
    assert both["mailbox_conversations_due[]"] == 9
    replica.kill(second)
    one = replica.scrape(second.pid)
    assert (one["opt_outs_total[]"], one[STORED], one[TURNS]) == (6, 4, 2)
    assert (one["turns_in_flight[]"], one["worker_event_loop_lag_seconds[]"]) == (4, 0.5)
    assert first.poll() is None


def test_files_of_dead_workers_are_folded_into_one(replica: Replica) -> None:
    ended = []
    for _ in range(5):
        worker = replica.start("0")
        replica.kill(worker)
        ended.append(worker.pid)
    after = replica.scrape(*ended)
    assert (after["opt_outs_total[]"], after[TURNS]) == (15, 5)
    bucket = "turn_duration_seconds_bucket[('le', '1.0'), ('outcome', 'committed'), ('tier', 'claude')]"
    assert after[bucket] == 5
    assert not [file for pid in ended for file in replica.directory.glob(f"*_{pid}.db")]
    assert replica.scrape(*ended)["opt_outs_total[]"] == 15  # telling twice adds nothing


def test_a_scrape_during_the_folding_never_counts_twice_or_misses(replica: Replica) -> None:
    for _ in range(3):
        replica.start("0")
    seen = []
    for worker in list(replica.workers):
        replica.kill(worker)
        folding = subprocess.Popen(
            [sys.executable, "-c", _SCRAPE, str(worker.pid)], env=replica.environment, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while folding.poll() is None and time.monotonic() < deadline:
            seen.append(replica.scrape()["opt_outs_total[]"])
        folding.wait()
    assert set(seen) == {9.0}


def test_files_that_a_process_has_only_begun_to_make_do_not_fail_a_scrape(replica: Replica) -> None:
    worker = replica.start("0")
    replica.kill(worker)
    begun = [replica.directory / f"{kind}_{pid}.db" for kind in ("counter", "gauge_livesum") for pid in (7, 8)]
    for file in begun:
        file.touch()
    assert replica.scrape(worker.pid, 7)["opt_outs_total[]"] == 3
    assert [file.exists() for file in begun] == [False, True, False, True]


@given(st.text(max_size=20), st.text(max_size=20))
def test_labels_stay_within_their_domain(kind: str, model: str) -> None:
    _MANY(kind, model).inc()
    lines = [line for line in render_metrics()[0].decode().splitlines() if line.startswith("test_many_total{")]
    assert len(lines) <= 3 * 6


def test_every_declared_metric_follows_the_naming_rules() -> None:
    units = ("_seconds", "_bytes", "_total", "_info", "_usd_total")
    counts = {"turn_coalesced_messages"}
    text = render_metrics()[0].decode()
    for family in text_string_to_metric_families(text):
        if family.name.startswith(("python_", "process_", "test_")):
            continue
        assert family.documentation.endswith(".") or family.name == "app_info", family.name
        if family.type == "histogram":
            assert family.name.endswith(units) or family.name in counts, family.name
    assert len(FAMILIES) == len(set(FAMILIES))


def test_openmetrics_is_served_when_asked_for_and_parses() -> None:
    metrics.name_build(commit="abc1234", environment="test", replica="r-1", region="eu")
    metrics.OPT_OUTS.inc()
    body, kind = render_metrics("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert kind.startswith("application/openmetrics-text")
    names = {family.name for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    assert {"opt_outs", "app_info", "turn_duration_seconds"} <= names
    plain, kind = render_metrics("text/plain")
    assert kind.startswith("text/plain")
    assert 'app_info{commit="abc1234"' in plain.decode()
