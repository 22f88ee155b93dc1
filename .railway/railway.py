"""The project on Railway as code: web, worker and Redis with a volume. `railway config plan`, then `apply`.

Railway's CLI runs this file with the operator's python3 and reads what `main()` returns; it needs no package.
Values of secrets live in Railway (`preserve`), never here. Per-environment differences live in variables.
"""

import os
import re
from pathlib import Path
from typing import Any

# Deployed from GitHub when set (`owner/name`); otherwise with `railway up --service web`.
REPOSITORY = os.environ.get("DESK_GITHUB_REPOSITORY", "")
BRANCH = os.environ.get("DESK_GITHUB_BRANCH", "main")
REPLICAS = 1

TEMPLATE = Path(__file__).parents[1] / ".railway-env.template"
# Not for the service's own deployment: what Railway sets itself, what only a developer's machine or autoscale reads.
ELSEWHERE = ("Set by Railway", "Local mode", "Number of replicas")
SET_HERE = {"REDIS_URL", "ENVIRONMENT", "WORKER_MODE", "PORT", "HOST"}


def kept() -> list[str]:
    """Every variable of the service; what is set in Railway stays as it is, so that applying this takes none away."""
    names: list[str] = []
    heading = ""
    for line in TEMPLATE.read_text(encoding="utf-8").splitlines():
        heading = line.strip("#= ") if line.startswith("# ==========") else heading
        found = re.match(r"#?([A-Z][A-Z0-9_]*)=", line)
        if found and not heading.startswith(ELSEWHERE) and found[1] not in SET_HERE:
            names.append(found[1])
    return names


BUILD = {
    "builder": "DOCKERFILE",
    "dockerfilePath": "Dockerfile.production",
    "watchPatterns": [
        "app/**",
        "supabase/migrations/**",
        "requirements.lock",
        "gunicorn.conf.py",
        "start.sh",
        "Dockerfile.production",
    ],
}

# Through the image's own entry point: it is what loads JSON and Search and drops root. A bare `redis-server` start
# command would run without them and without a password.
REDIS_START = (
    '/bin/sh -c "exec docker-entrypoint.sh redis-server --requirepass \\"$REDIS_PASSWORD\\" '
    '--appendonly yes --appendfsync everysec --maxmemory-policy noeviction --dir /data"'
)


def literal(value: str) -> dict[str, str]:
    """A variable whose value may be read by anyone who reads this repository."""
    return {"type": "literal", "value": value}


def preserve() -> dict[str, str]:
    """A variable that keeps the value it has in Railway."""
    return {"type": "preserve"}


def desk_variables(**own: str) -> dict[str, dict[str, str]]:
    """What web and worker share, and their `own` settings."""
    shared = {name: preserve() for name in kept()}
    shared["REDIS_URL"] = {"type": "reference", "resource": "service.redis", "output": "REDIS_URL"}
    return shared | {name: literal(value) for name, value in {"ENVIRONMENT": "production", **own}.items()}


def desk(name: str, deploy: dict[str, Any], **variables: str) -> dict[str, Any]:
    """A service of this repository's image."""
    service: dict[str, Any] = {
        "type": "service",
        "address": f"service.{name}",
        "kind": "github" if REPOSITORY else "empty",
        "name": name,
        "build": BUILD,
        "deploy": {
            "restartPolicyType": "ON_FAILURE",
            "restartPolicyMaxRetries": 10,
            "drainingSeconds": 45,
            "sleepApplication": False,
            "numReplicas": REPLICAS,
            **deploy,
        },
        "variables": desk_variables(**variables),
    }
    if REPOSITORY:
        service["source"] = {"type": "github", "repo": REPOSITORY, "branch": BRANCH, "checkSuites": True}
    return service


def redis() -> dict[str, Any]:
    """The official image, its append-only file on a volume, nothing evicted, reachable inside the project only."""
    return {
        "type": "service",
        "address": "service.redis",
        "kind": "docker-image",
        "name": "redis",
        "source": {"type": "image", "image": "redis:8"},
        "deploy": {"startCommand": REDIS_START, "restartPolicyType": "ON_FAILURE", "restartPolicyMaxRetries": 10},
        "variables": {
            "REDIS_PASSWORD": preserve(),
            "REDIS_URL": literal("redis://default:${{REDIS_PASSWORD}}@${{RAILWAY_PRIVATE_DOMAIN}}:6379"),
        },
        "volumeAttachments": {"redis-data": {"volume": "volume.redis-data", "mountPath": "/data"}},
    }


def main() -> dict[str, Any]:
    """The project's resources, in the CLI's own vocabulary (`type`, `address`, `build`, `deploy`, `variables`)."""
    web = desk(
        "web",
        {
            "preDeployCommand": ["python -m app migrate"],
            "healthcheckPath": "/health/readiness",
            "healthcheckTimeout": 180,
            "overlapSeconds": 20,
        },
        WORKER_MODE="off",
    )
    # The path is absolute because a start command replaces the image's own command.
    worker = desk("worker", {"startCommand": "/srv/desk/start.sh worker"})
    volume = {"type": "volume", "address": "volume.redis-data", "name": "redis-data", "config": {}}
    return {"name": "recruitment-desk", "resources": [web, worker, redis(), volume]}
