"""The deploy workflow, its own lines run one after the other: `web` alone, with a worker, and when something fails."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.test_documents import check_railway

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# Railway's command line knows one project; `up` fails for the service that FAILS names.
RAILWAY = """#!/bin/sh
printf '%s\\n' "$*" >>"$RECORD"
case "$*" in
  "status --json") cat "$PROJECT" ;;
  "up "*" --service $FAILS") exit 1 ;;
esac
"""
CURL = """#!/bin/sh
printf '{"status": "pass", "version": "%s"}' "$COMMIT"
"""


@dataclass
class Runner:
    """A machine of GitHub's: steps share files and what they write into GITHUB_ENV."""

    home: Path
    fails: str = "nothing"
    environ: dict[str, str] = field(default_factory=dict)

    def programs(self, services: list[str] | str) -> None:
        project = services
        if not isinstance(services, str):
            edges = [{"node": {"id": f"id-{name}", "name": name}} for name in services]
            project = json.dumps({"id": "p", "name": "recruitment-desk", "services": {"edges": edges}}, indent=2)
        (self.home / "project").write_text(str(project))
        for name, text in (("railway", RAILWAY), ("curl", CURL), ("npm", "#!/bin/sh\n")):
            (self.home / name).write_text(text)
            (self.home / name).chmod(0o755)
        self.environ = {
            "PATH": f"{self.home}:{os.environ['PATH']}",
            "RECORD": str(self.home / "record"),
            "PROJECT": str(self.home / "project"),
            "FAILS": self.fails,
            "RUNNER_TEMP": str(self.home),
            "GITHUB_ENV": str(self.home / "github_env"),
            "COMMIT": COMMIT,
            "PUBLIC_URL": "https://web.test",
        }

    def run(self, job: dict[str, Any]) -> tuple[str, str]:
        """Name of the step that failed, if any, and everything that was said."""
        assert job["defaults"]["run"]["shell"] == "bash"
        said = ""
        for step in job["steps"]:
            if "run" not in step:
                continue
            # What `shell: bash` stands for (GitHub's reference of workflow syntax).
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.home, env=self.environ, capture_output=True, text=True, check=False,
            )  # fmt: skip
            said += done.stdout + done.stderr
            if done.returncode:
                return step["name"], said
            handed_on = self.home / "github_env"
            if handed_on.exists():
                self.environ |= dict(line.split("=", 1) for line in handed_on.read_text().splitlines())
        return "", said

    def asked(self) -> list[str]:
        """The command lines of Railway's tool, in order."""
        lines = (self.home / "record").read_text().splitlines()
        for line in lines:
            check_railway(line.split())
        return lines


@pytest.fixture
def job() -> dict[str, Any]:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())
    found: dict[str, Any] = workflow["jobs"]["railway"]
    return found


@pytest.mark.parametrize(
    ("project", "deployed"),
    [(["web", "redis"], ["web"]), (["redis", "worker", "web"], ["web", "worker"]), (["web", "my-worker"], ["web"])],
)
def test_it_deploys_web_and_a_worker_only_where_there_is_one(
    job: dict[str, Any], tmp_path: Path, project: list[str], deployed: list[str]
) -> None:
    runner = Runner(tmp_path)
    runner.programs(project)
    failed, said = runner.run(job)
    assert failed == "", said
    assert "::warning::" not in said
    sets = [f"variable set GIT_COMMIT_SHA={COMMIT} --service {name} --skip-deploys" for name in deployed]
    assert runner.asked() == ["status --json", *sets, *(f"up --ci --service {name}" for name in deployed)]


@pytest.mark.parametrize("project", [["redis", "worker"], "", "Unauthorized"])
def test_without_a_service_web_nothing_is_deployed(
    job: dict[str, Any], tmp_path: Path, project: list[str] | str
) -> None:
    runner = Runner(tmp_path)
    runner.programs(project)
    failed, said = runner.run(job)
    assert failed == "Find the services"
    assert "::error::the Railway project has no service called web" in said
    assert runner.asked() == ["status --json"]


def test_a_failed_deployment_of_web_ends_it_before_the_worker(job: dict[str, Any], tmp_path: Path) -> None:
    runner = Runner(tmp_path, fails="web")
    runner.programs(["web", "worker"])
    failed, _ = runner.run(job)
    assert failed.startswith("Deploy;")
    assert runner.asked()[-1] == "up --ci --service web"
