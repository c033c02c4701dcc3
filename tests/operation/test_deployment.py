"""The image and its manifests, held against the code: no engine runs here, so this is what can be known of them."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from service import __version__
from service.app import build_app
from service.cli import keys, serve
from service.cli.app import VERBS
from service.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
MANIFESTS = list(yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text()))
WORKER, API = (next(one for one in MANIFESTS if one["kind"] == kind)["spec"] for kind in ("StatefulSet", "Deployment"))
SETS = (WORKER, API)
PODS = [one["template"]["spec"] for one in SETS]
CONTAINERS = [one for pod in PODS for one in pod["containers"]]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def instructions() -> Iterator[tuple[str, str]]:
    """(instruction, rest) with continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(str.strip, text.splitlines()):
        word, _, rest = line.strip().partition(" ")
        yield word, " ".join(rest.split())


def of(wanted: str) -> list[str]:
    return [rest for word, rest in instructions() if word == wanted]


class Asked(dict[str, str]):
    """An environment that remembers which variables were looked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return default


@pytest.fixture(scope="module")
def known() -> set[str]:
    asked = Asked()
    load_settings(asked)
    return asked.names


@pytest.fixture(scope="module")
def paths() -> set[str]:
    return {route.path for route in build_app().routes}


def test_stages_build_on_short_names_and_the_service_is_the_last() -> None:
    stages = [re.fullmatch(r"(\S+) AS (\S+)", one) for one in of("FROM")]
    names = [stage[2] for stage in stages if stage]
    assert len(names) == len(stages)
    assert names[-1] == "service"
    assert "trainer" in names
    for n, stage in enumerate(stages):
        assert stage is not None
        assert stage[1] in names[:n] or re.fullmatch(r"[a-z]+:[\w.-]+", stage[1]), stage[1]
    for copied in re.findall(r"--from=(\S+)", DOCKERFILE):
        assert copied in names
    assert COMPOSE["services"]["tunegate"]["build"]["target"] in names


def test_the_image_has_what_the_package_is_built_from() -> None:
    copied = {name for rest in of("COPY") if "--from" not in rest for name in rest.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], PROJECT["project"]["readme"], "pyproject.toml"}
    assert needed | {*PROJECT["project"]["license-files"], "constraints.txt"} == copied
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == copied


def test_extras_exist() -> None:
    extras = [one.split(",") for one in re.findall(r'"\.\[([^\]]+)\]"', DOCKERFILE)]
    assert len(extras) == 2
    assert {name for names in extras for name in names} <= set(PROJECT["project"]["optional-dependencies"])
    assert "service" in extras[0]
    assert extras[1] == ["train"]


def test_nobody_is_root() -> None:
    stage, users = "", {}
    for word, rest in instructions():
        if word == "FROM":
            stage = rest.split()[-1]
        elif word == "USER":
            users[stage] = rest
    assert users == {"service": "10001:10001", "trainer": "10001:10001"}
    for pod in PODS:
        own = pod["securityContext"]
        assert (own["runAsNonRoot"], own["runAsUser"], own["fsGroup"]) == (True, 10001, 10001)
        assert (own["seccompProfile"], pod["automountServiceAccountToken"]) == ({"type": "RuntimeDefault"}, False)
    for container in CONTAINERS:
        own = container["securityContext"]
        assert (own["readOnlyRootFilesystem"], own["allowPrivilegeEscalation"]) == (True, False)
        assert own["capabilities"] == {"drop": ["ALL"]}
    service = COMPOSE["services"]["tunegate"]
    assert (service["read_only"], service["cap_drop"], service["tmpfs"]) == (True, ["ALL"], ["/tmp"])


def test_it_starts_beyond_loopback_before_there_is_a_key_and_lets_nobody_in() -> None:
    """Else the first start ends at once, again and again, and there is nothing to make a key in."""
    image = dict(word.split("=", 1) for rest in of("ENV") for word in shlex.split(rest))
    for more in (
        {}, COMPOSE["services"]["tunegate"]["environment"],
        *({one["name"]: "" for one in container["env"]} for container in CONTAINERS),
    ):  # fmt: skip
        assert load_settings(image | {name: "" for name in more if name not in image}).access.required
        assert "TUNEGATE_AUTH" not in more
    commands = re.findall(r"(?:exec \S+|--) (tunegate keys create .*)", (ROOT / "deploy" / "README.md").read_text())
    assert len(commands) == 2
    for command in commands:
        create = keys.command.commands[shlex.split(command)[2]]
        assert create.make_context("create", shlex.split(command)[3:]).params["scopes"] == ("admin",)


def test_every_variable_is_one_that_the_settings_read(known: set[str]) -> None:
    named = set(re.findall(r"\bTUNEGATE_[A-Z_]+", DOCKERFILE))
    named |= {name for name in COMPOSE["services"]["tunegate"]["environment"] if name.startswith("TUNEGATE_")}
    named |= {one["name"] for container in CONTAINERS for one in container["env"]}
    assert len(named) >= 5
    assert named <= known
    for pod in PODS:
        (container,) = pod["containers"]
        given = {one["name"]: one["value"] for one in container["env"] if "value" in one}
        secret = {one["name"] for one in container["env"]} - set(given) - {"TUNEGATE_EXECUTOR"}
        # what several services must share, and what is secret
        assert secret == {"TUNEGATE_DATABASE_URL", "TUNEGATE_STORAGE_URL"}
        settings = load_settings(given | {"TUNEGATE_DATABASE_URL": "x", "TUNEGATE_EXECUTOR": "tunegate-worker-0"})
        assert (settings.log_format, settings.ready_needs_privacy, str(settings.home)) == ("json", True, "/data")
        mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        assert str(settings.webhook_key_file).startswith(f"{mounts['secrets']}/")
        # requests in flight, then what the server and closing take, before the kill
        assert settings.shutdown_seconds + serve._GRACE_SECONDS < pod["terminationGracePeriodSeconds"]
    grace = int(COMPOSE["services"]["tunegate"]["stop_grace_period"].removesuffix("s"))
    assert int(COMPOSE["services"]["tunegate"]["environment"]["TUNEGATE_SHUTDOWN_SECONDS"]) < grace


def test_commands_are_verbs_with_options_that_exist() -> None:
    options = {name for parameter in serve.command.params for name in parameter.opts}
    (entry,), (command,) = of("ENTRYPOINT"), of("CMD")
    assert json.loads(entry) == list(PROJECT["project"]["scripts"])
    for words in (json.loads(command), *(container["args"] for container in CONTAINERS)):
        assert words[0] in VERBS
        assert {word for word in words if word.startswith("--")} <= options


def test_ports_and_probes_lead_to_routes(paths: set[str]) -> None:
    (port,) = {str(parameter.default) for parameter in serve.command.params if parameter.name == "port"}
    assert of("EXPOSE") == [port]
    assert COMPOSE["services"]["tunegate"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    for words in (json.loads(of("CMD")[0]), *(container["args"] for container in CONTAINERS)):
        assert words[words.index("--port") + 1] == port
    services = [one for one in MANIFESTS if one["kind"] == "Service"]
    assert [one["spec"]["ports"][0]["targetPort"] for one in services] == ["http"] * len(SETS)
    (health,) = of("HEALTHCHECK")
    asked = re.findall(rf"http://127\.0\.0\.1:{port}(/[a-z/]+)", health)
    for container in CONTAINERS:
        assert container["ports"] == [{"name": "http", "containerPort": int(port)}]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] == "http"
            asked.append(container[probe]["httpGet"]["path"])
    for one in SETS:
        notes = one["template"]["metadata"]["annotations"]
        assert notes["prometheus.io/port"] == port
        asked.append(notes["prometheus.io/path"])
    assert set(asked) == {"/health/live", "/health/ready", "/metrics"}
    assert set(asked) <= paths
    code = json.loads(health[health.index("[") :])
    assert code[:2] == ["python", "-c"]
    compile(code[2], "healthcheck", "exec")


def test_versions_labels_and_volumes_agree() -> None:
    image = COMPOSE["services"]["tunegate"]["image"]
    assert {image, *(one["image"] for one in CONTAINERS)} == {f"tunegate:{__version__}"}
    for one in SETS:
        (container,) = one["template"]["spec"]["containers"]
        assert one["template"]["metadata"]["labels"] == one["selector"]["matchLabels"]
        claimed = [claim["metadata"]["name"] for claim in one.get("volumeClaimTemplates", [])]
        volumes = [volume["name"] for volume in one["template"]["spec"]["volumes"]] + claimed
        assert sorted(mount["name"] for mount in container["volumeMounts"]) == sorted(volumes)
        assert container["resources"]["requests"]["memory"]
        assert container["resources"]["limits"]["memory"]
    assert {one.partition(":")[0] for one in COMPOSE["services"]["tunegate"]["volumes"]} <= set(COMPOSE["volumes"])
    assert shlex.split(COMPOSE["services"]["database"]["healthcheck"]["test"][1])[0] == "pg_isready"


def test_those_that_take_requests_carry_nothing_out_and_those_that_do_keep_their_names() -> None:
    (api,), (worker,) = (one["template"]["spec"]["containers"] for one in (API, WORKER))
    assert ("--no-worker" in api["args"], "--no-worker" in worker["args"]) == (True, False)
    for container in (api, worker):
        (name,) = (one for one in container["env"] if one["name"] == "TUNEGATE_EXECUTOR")
        assert name["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    # a worker's folder is kept: its jobs go on there
    assert [one["metadata"]["name"] for one in WORKER["volumeClaimTemplates"]] == ["data"]
    services = {one["metadata"]["name"]: one["spec"] for one in MANIFESTS if one["kind"] == "Service"}
    assert services["tunegate"]["selector"] == API["selector"]["matchLabels"]
    assert services[WORKER["serviceName"]]["selector"] == WORKER["selector"]["matchLabels"]
    assert services[WORKER["serviceName"]]["clusterIP"] == "None"


def test_a_drain_takes_neither_all_that_answer_nor_two_workers_at_once() -> None:
    budgets = {
        one["spec"]["selector"]["matchLabels"]["role"]: one["spec"]
        for one in MANIFESTS
        if one["kind"] == "PodDisruptionBudget"
    }
    assert {role: one["selector"] for role, one in budgets.items()} == {
        "api": API["selector"],
        "worker": WORKER["selector"],
    }
    assert 0 < budgets["api"]["minAvailable"] < API["replicas"]
    assert budgets["worker"]["maxUnavailable"] == 1
    assert API["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
