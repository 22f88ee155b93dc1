"""Production web server: `gunicorn` in this directory needs no arguments.

The parent imports everything once (`preload_app`) and forks; nothing here or at import opens a connection, an event
loop or a thread. A worker that dies is replaced; a worker that cannot start ends the parent with exit code 3.
"""

import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from app.settings import SettingsError, load_settings

try:
    _settings = load_settings()
except SettingsError as error:
    sys.exit(str(error))

# Before anything imports prometheus_client, which chooses its mode then.
_given = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
_metrics = Path(_given or tempfile.mkdtemp(prefix="desk-metrics-"))
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics)

from app.api.health_system import memory_limit  # noqa: E402
from app.serving import graceful_budget, keep_memory_shared, workers_that_fit  # noqa: E402
from app.telemetry.logs import get_logger, setup_logging  # noqa: E402
from app.telemetry.metrics_registry import forget_process, prepare_directory  # noqa: E402

prepare_directory(_metrics)
setup_logging(level=_settings.log_level)
_log = get_logger()


def _address() -> str:
    """HOST and PORT; an empty HOST is every address of both families, where the kernel has IPv6."""
    if _settings.host:
        host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
        return f"{host}:{_settings.port}"
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return f"0.0.0.0:{_settings.port}"
    return f"[::]:{_settings.port}"  # Linux: IPv4 arrives here, too (net.ipv6.bindv6only=0)


def _workers() -> int:
    wanted = _settings.web_concurrency
    fitting = workers_that_fit(wanted, limit := memory_limit(), works=_settings.worker_mode == "inline")
    if fitting < wanted:
        _log.warning(
            "workers.lowered",
            reason="memory_limit",
            asked_count=wanted,
            workers_count=fitting,
            limit_mb=round((limit or 0) / 2**20),
        )
    return fitting


wsgi_app = "app.main:create_app()"
worker_class = "app.serving.Worker"
workers = _workers()
bind = [_address()]
backlog = 2048
preload_app = True
keepalive = 75  # longer than the edge keeps its connections idle
timeout = 60  # a worker whose event loop stands still this long is replaced
graceful_timeout = graceful_budget(_settings.drain_seconds)
control_socket_disable = True
# Railway's edge and private network; the client's address comes from X-Real-IP.
forwarded_allow_ips = "127.0.0.1,::1,100.64.0.0/10,10.0.0.0/8,fd00::/8"
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 heartbeat files must not touch a disk
logger_class = "app.serving.EventLogger"


def when_ready(_server: object) -> None:
    """Everything is imported and nothing is forked yet."""
    from app.warming import warm_up  # noqa: PLC0415 only now has gunicorn loaded the application it belongs to

    warm_up(_settings)
    keep_memory_shared()


def post_worker_init(_worker: object) -> None:
    """Lines of gunicorn and uvicorn inside the worker go our way."""
    setup_logging(level=_settings.log_level)


def child_exit(_server: object, worker: Any) -> None:
    """Runs in the parent: the dead worker's gauges vanish, its counts stay."""
    forget_process(worker.pid)


def on_exit(_server: object) -> None:
    """The metrics of this run end with it."""
    if not _given:
        shutil.rmtree(_metrics, ignore_errors=True)
