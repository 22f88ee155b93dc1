"""Metric families with bounded labels, and their exposition for one process or several.

With PROMETHEUS_MULTIPROC_DIR set (before this module is imported: prometheus_client chooses then) every process
writes its own files there and any of them answers for all. Without it the ordinary registry is used.
"""

import fcntl
import glob
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from app.telemetry.redaction import safe_id

OTHER: Final = "other"
_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
# Sums of processes that ended live under this id; no process has it.
_ENDED: Final = "0"

M = TypeVar("M", Counter, Gauge, Histogram)

FAMILIES: Final[list[str]] = []
# A time of creation for every series would double what a scrape carries.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Bounded(Generic[M]):
    """A metric whose label values come from closed sets (or at most `int` different ones); others count as `other`.

    Children are cached by their values, so that hot paths pay one dict lookup.
    """

    def __init__(self, metric: M, *domains: frozenset[str] | int) -> None:
        self._metric: M = metric
        self._domains = domains
        self._open: tuple[set[str], ...] = tuple(set() for _ in domains)
        self._children: dict[tuple[str, ...], M] = {}

    def __call__(self, *values: str) -> M:
        """The child of these label values, in declared order."""
        child = self._children.get(values)
        return child if child is not None else self._bounded_child(values)

    def _bounded_child(self, values: tuple[str, ...]) -> M:
        bounded = tuple(self._bound(index, value) for index, value in enumerate(values))
        child = self._children.get(bounded)
        if child is None:
            child = self._children[bounded] = self._metric.labels(*bounded)
        return child

    def _bound(self, index: int, value: str) -> str:
        domain = self._domains[index]
        if isinstance(domain, frozenset):
            return value if value in domain else OTHER
        known = self._open[index]
        if value in known:
            return value
        if len(known) >= domain or safe_id(value) != value:
            return OTHER
        known.add(value)
        return value


def counter(name: str, help_text: str, labels: Iterable[str] = ()) -> Counter:
    """A counter; its name ends in `_total`."""
    FAMILIES.append(name)
    return Counter(name, help_text, tuple(labels))


def gauge(name: str, help_text: str, labels: Iterable[str] = (), *, mode: str = "livemostrecent") -> Gauge:
    """A gauge over live processes: `livesum`/`livemax`, or `livemostrecent` for what every process sees alike."""
    FAMILIES.append(name)
    return Gauge(name, help_text, tuple(labels), multiprocess_mode=mode)  # type: ignore[arg-type]


def histogram(name: str, help_text: str, buckets: Iterable[float], labels: Iterable[str] = ()) -> Histogram:
    """A histogram; its name ends in its unit."""
    FAMILIES.append(name)
    return Histogram(name, help_text, tuple(labels), buckets=tuple(buckets))


class ServiceInfo(Collector):
    """`app_info`: which build answers. Info metrics vanish in multiprocess mode, so this one is made on demand."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}

    def collect(self) -> Iterator[Metric]:
        """One constant sample, once labels are known."""
        if self.labels:
            family = GaugeMetricFamily(
                "app_info", "Constant 1; the labels say which build answers.", None, list(self.labels)
            )
            family.add_metric(list(self.labels.values()), 1.0)
            yield family


INFO: Final = ServiceInfo()
FAMILIES.append("app_info")
if _VARIABLE not in os.environ:
    REGISTRY.register(INFO)


def multiprocess_directory() -> Path | None:
    """Where the processes' files lie; None in single-process mode."""
    path = os.environ.get(_VARIABLE)
    return Path(path) if path else None


def prepare_directory(path: Path) -> None:
    """Create the directory and remove files of an earlier run, whose counters would otherwise continue."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in path.glob("*.db"):
        file.unlink(missing_ok=True)


class _Processes(Collector):
    """Every process's file but those that a process is creating at this moment, which MultiProcessCollector's own
    listing would fail on: a file is empty for an instant before it has its size."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in self._directory.glob("*.db") if file.stat().st_size]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
        return merged


def render_metrics(accept: str = "") -> tuple[bytes, str]:
    """The exposition and its content type, OpenMetrics when `accept` asks for it. Tens of ms with many workers:
    call it in a thread."""
    encode, content_type = choose_encoder(accept)
    directory = multiprocess_directory()
    if directory is None:
        return encode(REGISTRY), content_type
    registry = CollectorRegistry()
    with _locked(directory, fcntl.LOCK_SH):
        registry.register(_Processes(directory))
        registry.register(INFO)
        return encode(registry), content_type


def forget_process(pid: int) -> None:
    """A worker ended: drop its gauges and add its counters to those of all ended workers.

    Keeping a file per dead worker would make every scrape slower for ever. Called by the parent process.
    """
    directory = multiprocess_directory()
    if directory is None:
        return
    with _locked(directory, fcntl.LOCK_EX):
        mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
        for kind in ("counter", "histogram"):
            _merge(directory / f"{kind}_{pid}.db", directory / f"{kind}_{_ENDED}.db")


def _merge(ended: Path, total: Path) -> None:
    """Fold one file into the sums of ended processes; atomic for readers, who hold the lock."""
    if not ended.exists() or not ended.stat().st_size:
        ended.unlink(missing_ok=True)  # it died while creating the file
        return
    files = [str(ended), *glob.glob(str(total))]
    fresh = total.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    sums = MmapedDict(str(fresh))  # type: ignore[no-untyped-call]
    merged: Iterable[Metric] = MultiProcessCollector.merge(files, accumulate=False)  # type: ignore[no-untyped-call]
    for metric in merged:
        for sample in metric.samples:
            names, values = list(sample.labels), list(sample.labels.values())
            # The key's first part is the family, as prometheus_client's values write it.
            key = mmap_key(metric.name, sample.name, names, values, metric.documentation)
            sums.write_value(key, sample.value, 0.0)  # type: ignore[no-untyped-call]
    sums.close()  # type: ignore[no-untyped-call]
    fresh.replace(total)
    ended.unlink()


@contextmanager
def _locked(directory: Path, mode: int) -> Iterator[None]:
    """Scrapes share the lock, merging excludes them: otherwise a scrape could see a worker twice or not at all."""
    with (directory / ".lock").open("a") as handle:
        fcntl.flock(handle, mode)
        yield
