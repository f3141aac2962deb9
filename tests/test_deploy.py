"""What deploy/ holds: taken by the tools it is for, shut in, and in step with the server.

Schemas and the linter come with the extra `test`; no image is built, and nothing is started but the
application itself.
"""

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from sessionqa import Assistant, __version__, cli
from sessionqa.server.app import Served
from sessionqa.server.gate import Access
from sessionqa.server.run import DRAIN_SECONDS
from sessionqa.settings import FILE_NAME, SECRETS, Settings, read_file

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
MANIFESTS = DEPLOY / "kubernetes"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
# Applied by hand, if at all, and so in no kustomization.
BY_HAND = {"secret.example.yaml", "monitoring.yaml"}
# The oldest that has all that we use (a container's `preStop.sleep`), and the latest known.
OLDEST = "1.30"

Record = dict[str, Any]


def documents(path: Path) -> list[Record]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def kubernetes() -> list[Record]:
    """Every object that kustomize is given."""
    names = documents(MANIFESTS / "kustomization.yaml")[0]["resources"]
    return [one for name in names for one in documents(MANIFESTS / name)]


def of_kind(kind: str, component: str = "") -> Record:
    """The only object of a kind, and of one of our components."""
    labelled = [
        one
        for one in kubernetes()
        if one["kind"] == kind
        and component in ("", one["metadata"]["labels"].get("app.kubernetes.io/component"))
    ]
    assert len(labelled) == 1, kind
    return labelled[0]


DEPLOYMENT = of_kind("Deployment")
API = DEPLOYMENT["spec"]["template"]
INDEX = of_kind("CronJob")["spec"]["jobTemplate"]["spec"]["template"]
COMPOSE = documents(DEPLOY / "compose.yaml")[0]
SERVICES: dict[str, Record] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("sessionqa")}
VALUES = documents(DEPLOY / "milvus-values.yaml")[0]


def container(template: Record) -> Record:
    (only,) = template["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def tool(name: str) -> str:
    """A program that pip installed beside this Python."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if not found:
        pytest.skip(f"{name} is not installed: pip install 'sessionqa[test]'")
    return found


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# --- the tools' own rules


def check(manifest: Record) -> None:
    validate = pytest.importorskip("kubernetes_validate").validate
    for version in (OLDEST, pytest.importorskip("kubernetes_validate").latest_version()):
        validate(manifest, version, strict=True)


@pytest.mark.parametrize("path", sorted(MANIFESTS.glob("*.yaml")), ids=lambda path: path.name)
def test_kubernetes_takes_each_manifest(path: Path) -> None:
    for one in documents(path):
        # Definitions of others, which a cluster's own schema does not have.
        if not one["apiVersion"].startswith(("kustomize.", "monitoring.")):
            check(one)


def test_the_schema_refuses_what_is_wrong() -> None:
    wrong = documents(MANIFESTS / "deployment.yaml")[0]
    container(wrong["spec"]["template"])["readynessProbe"] = {}
    error = pytest.importorskip("kubernetes_validate").ValidationError
    with pytest.raises(error, match="readynessProbe"):
        check(wrong)


def test_every_manifest_is_applied() -> None:
    listed = set(documents(MANIFESTS / "kustomization.yaml")[0]["resources"])
    assert {path.name for path in MANIFESTS.glob("*.yaml")} == listed | BY_HAND | {
        "kustomization.yaml"
    }


def test_kustomize_puts_them_together() -> None:
    if not shutil.which("kubectl"):
        pytest.skip("there is no kubectl here")
    made = list(yaml.safe_load_all(run("kubectl", "kustomize", MANIFESTS)))
    assert len(made) == len(kubernetes()) + 1
    (settings,) = (one for one in made if one["kind"] == "ConfigMap")
    assert settings["data"][FILE_NAME] == (MANIFESTS / FILE_NAME).read_text(encoding="utf-8")
    assert settings["metadata"]["name"] != "sessionqa"
    for one in made:
        check(one)
        assert "namespace" not in one["metadata"]


def test_compose_takes_its_file() -> None:
    schema = ["--builtin-schema", "vendor.compose-spec"]
    run(tool("check-jsonschema"), *schema, DEPLOY / "compose.yaml")


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    run(tool("hadolint"), DEPLOY / "Dockerfile")


# --- shut in


@pytest.mark.parametrize("template", [API, INDEX], ids=["api", "index"])
def test_pods_are_restricted(template: Record) -> None:
    pod, only = template["spec"], container(template)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == user()
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert only["resources"]["requests"].keys() >= {"cpu", "memory"}
    assert "memory" in only["resources"]["limits"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in only["volumeMounts"]:
        volume = volumes.pop(mount["name"])
        assert mount.get("readOnly") or "sizeLimit" in volume["emptyDir"]
    assert not volumes


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_shut_in(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp:size=64m,mode=1777"]
    assert service["cpus"]
    for volume in service["volumes"]:
        source, _, rest = volume.rpartition(":/") if volume.count(":") == 1 else ("", "", volume)
        assert rest.endswith(":ro") or source in COMPOSE["volumes"], volume


def test_every_container_has_a_limit_and_only_ours_is_reached() -> None:
    assert all(service["mem_limit"] for service in SERVICES.values())
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert name in OURS
            assert port.startswith("127.0.0.1:")


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage of the Dockerfile, in order, comments left out."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#")]
    found: dict[str, list[tuple[str, str]]] = {"": []}
    stage = ""
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.rpartition(" AS ")[2] if " AS " in rest else "default"
            found[stage] = []
        found[stage].append((word, rest.strip()))
    return found


def last(stage: str, word: str) -> str:
    return [rest for name, rest in stages()[stage] if name == word][-1]


def user() -> str:
    return last("serve", "USER")


@pytest.mark.parametrize("stage", ["serve", "index"])
def test_images_run_as_a_user_with_a_number(stage: str) -> None:
    """Kubernetes tells only by a number that it is not root."""
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last(stage, "USER"))
    assert last(stage, "USER") == user()
    assert f" --uid {user().partition(':')[0]} " in DOCKERFILE


def test_what_answers_is_built_where_no_target_is_named() -> None:
    assert list(stages().values())[-1] == [("FROM", "serve")]
    assert stages()["index"][0] == ("FROM", "serve AS index")
    assert json.loads(last("serve", "ENTRYPOINT")) == ["sessionqa"]


def test_no_secret_is_in_a_file() -> None:
    for path in (MANIFESTS / FILE_NAME, DEPLOY / FILE_NAME, DEPLOY / "compose.toml"):
        assert not read_file(path).keys() & SECRETS.keys()
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("TOKEN|PASSWORD|SECRET", name):
                assert re.fullmatch(r"(root:)?\$\{\w+:\?see docs/deploy.md\}", value), name
    assert not re.search("TOKEN|PASSWORD|SECRET", DOCKERFILE)
    assert "/deploy/.env" in (ROOT / ".gitignore").read_text().splitlines()


# --- versions


def images() -> Iterator[str]:
    yield from (service["image"] for service in SERVICES.values())
    yield from (container(template)["image"] for template in (API, INDEX))
    assumed = dict(re.findall(r"^ARG (\w+)=(\S+)", DOCKERFILE, re.MULTILINE))
    for stage, instructions in stages().items():
        if stage and (base := instructions[0][1].partition(" AS ")[0]) not in stages():
            yield re.sub(r"\$\{(\w+)\}", lambda match: assumed[match[1]], base)


def test_every_image_has_a_version() -> None:
    assert len(set(images())) == 6
    for image in images():
        name, _, tag = image.rpartition(":")
        assert name, image
        assert re.search(r"\d+\.\d+|\d{4}-\d\d", tag), image
        assert not name.startswith("sessionqa") or tag == __version__


def test_milvus_is_of_its_clients_version() -> None:
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    client = re.search(r"^pymilvus==(\d+\.\d+)\.", constraints, re.MULTILINE)
    assert client
    for tag in (SERVICES["milvus"]["image"].partition(":")[2], VALUES["image"]["all"]["tag"]):
        assert re.fullmatch(rf"v{re.escape(client[1])}\.\d+", tag)


# --- in step with the server


async def asked(assistant: Assistant, path: str) -> int:
    """What a server that wants a token says to a probe, which has none and calls by an address."""
    app = Served(assistant, Access(token="wanted"), page=False).app
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://10.1.2.3:7860") as client:
        return (await client.get(path)).status_code


def probed() -> dict[str, str]:
    """The address that each of our probes asks."""
    only = container(API)
    found = {
        name: only[name]["httpGet"]["path"]
        for name in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    health = last("serve", "HEALTHCHECK")
    return found | {"healthcheck": health.partition("127.0.0.1:7860")[2].partition("'")[0]}


def test_probes_ask_what_the_server_answers(assistant: Assistant) -> None:
    import asyncio

    assert probed() == {
        "startupProbe": "/readyz",
        "readinessProbe": "/readyz",
        "livenessProbe": "/healthz",
        "healthcheck": "/healthz",
    }
    for path in probed().values():
        assert asyncio.run(asked(assistant, path)) == 200
    assert asyncio.run(asked(assistant, "/metrics")) == 401


def monitor() -> Record:
    return documents(MANIFESTS / "monitoring.yaml")[0]


def test_metrics_are_asked_for_with_the_token() -> None:
    (endpoint,) = monitor()["spec"]["endpoints"]
    assert endpoint["path"] == "/metrics"
    credentials = endpoint["authorization"]["credentials"]
    assert credentials == secrets(container(API))["SESSIONQA_TOKEN"]
    assert endpoint["port"] == of_kind("Service")["spec"]["ports"][0]["name"]


def test_the_port_is_the_same_everywhere() -> None:
    port = Settings().port
    (named,) = container(API)["ports"]
    assert named["containerPort"] == port
    assert last("serve", "EXPOSE") == str(port)
    assert f"127.0.0.1:{port}/" in last("serve", "HEALTHCHECK")
    assert of_kind("Service")["spec"]["ports"][0]["targetPort"] == named["name"]
    allowed = of_kind("NetworkPolicy", "api")["spec"]["ingress"][0]["ports"]
    assert allowed == [{"port": named["name"]}]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container(API)[probe]["httpGet"]["port"] == named["name"]
    published = {port for service in OURS.values() for port in service.get("ports", ())}
    assert published == {f"127.0.0.1:{port}:{port}"}


def test_what_was_begun_is_answered_before_the_pod_is_killed() -> None:
    late = container(API)["lifecycle"]["preStop"]["sleep"]["seconds"]
    # A second for what uvicorn itself waits, and some to end.
    assert late + DRAIN_SECONDS + 1 + 5 <= API["spec"]["terminationGracePeriodSeconds"]
    readiness = container(API)["readinessProbe"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] <= late + DRAIN_SECONDS


def test_no_disruption_takes_all_of_them() -> None:
    scaler, budget = of_kind("HorizontalPodAutoscaler")["spec"], of_kind("PodDisruptionBudget")
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    assert budget["spec"]["maxUnavailable"] < scaler["minReplicas"]
    assert DEPLOYMENT["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "replicas" not in DEPLOYMENT["spec"]
    target = {key: DEPLOYMENT[key] for key in ("apiVersion", "kind")}
    assert scaler["scaleTargetRef"] == target | {"name": DEPLOYMENT["metadata"]["name"]}


def selectors() -> dict[str, Mapping[str, str]]:
    """What each object selects the API's pods by, or its service."""
    spread = {
        f"spread over {one['topologyKey']}": one["labelSelector"]["matchLabels"]
        for one in API["spec"]["topologySpreadConstraints"]
    }
    return spread | {
        "Deployment": DEPLOYMENT["spec"]["selector"]["matchLabels"],
        "Service": of_kind("Service")["spec"]["selector"],
        "PodDisruptionBudget": of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        "NetworkPolicy": of_kind("NetworkPolicy", "api")["spec"]["podSelector"]["matchLabels"],
    }


@pytest.mark.parametrize("name", selectors())
def test_selectors_mean_the_api_and_nothing_else(name: str) -> None:
    assert selectors()[name].items() <= API["metadata"]["labels"].items()
    assert not selectors()[name].items() <= INDEX["metadata"]["labels"].items()


def test_the_rest_is_selected_as_well() -> None:
    service = of_kind("Service")["metadata"]["labels"]
    assert monitor()["spec"]["selector"]["matchLabels"].items() <= service.items()
    both = documents(MANIFESTS / "network.yaml")[0]["spec"]
    for template in (API, INDEX):
        assert both["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert both["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in both


# --- settings and secrets


@pytest.mark.parametrize(
    "path", [MANIFESTS / FILE_NAME, DEPLOY / FILE_NAME, DEPLOY / "compose.toml"], ids=str
)
def test_every_setting_is_one(path: Path) -> None:
    assert Settings(**read_file(path))


def secrets(only: Record) -> dict[str, Record]:
    """Where each variable of a container that is secret comes from."""
    return {
        one["name"]: one["valueFrom"]["secretKeyRef"] for one in only["env"] if "valueFrom" in one
    }


def test_every_secret_is_one_of_ours_and_in_the_example() -> None:
    example = documents(MANIFESTS / "secret.example.yaml")[0]
    named = {**secrets(container(API)), **secrets(container(INDEX))}
    assert named.keys() <= set(SECRETS.values())
    for reference in named.values():
        assert reference["name"] == example["metadata"]["name"]
    assert {reference["key"] for reference in named.values()} == example["stringData"].keys()


@pytest.mark.parametrize("name", OURS)
def test_compose_names_variables_that_are_read(name: str) -> None:
    assert OURS[name]["environment"].keys() <= {"SESSIONQA_HOME", *SECRETS.values()}


def test_settings_are_mounted_where_they_are_looked_for() -> None:
    for template in (API, INDEX):
        only = container(template)
        (home,) = (one["value"] for one in only["env"] if one["name"] == "SESSIONQA_HOME")
        mounts = {mount["name"]: mount["mountPath"] for mount in only["volumeMounts"]}
        assert mounts["settings"] == home
    for service in OURS.values():
        if home := service["environment"].get("SESSIONQA_HOME"):
            assert f"./compose.toml:{home}/{FILE_NAME}:ro" in service["volumes"]
    assert (DEPLOY / "compose.toml").is_file()


def test_the_corpus_is_where_it_is_indexed_from() -> None:
    mounts = {one["name"]: one["mountPath"] for one in container(INDEX)["volumeMounts"]}
    assert mounts["corpus"] == str(read_file(MANIFESTS / FILE_NAME)["corpus"])
    corpus = str(read_file(DEPLOY / "compose.toml")["corpus"])
    assert f"${{CORPUS:-../corpus}}:{corpus}:ro" in OURS["index"]["volumes"]


def test_feedback_is_kept_in_the_folder_that_is_the_users() -> None:
    folder = read_file(DEPLOY / FILE_NAME)["feedback"].parent
    assert read_file(DEPLOY / "compose.toml")["feedback"].parent == folder
    assert f"install --directory --owner sessionqa {folder} " in DOCKERFILE
    for name in ("local", "answers"):
        assert f"feedback:{folder}" in OURS[name]["volumes"]


def test_the_state_of_a_build_is_where_the_image_lets_it() -> None:
    mounts = {one["name"]: one["mountPath"] for one in container(INDEX)["volumeMounts"]}
    cache = re.search(r"XDG_CACHE_HOME=(\S+)", DOCKERFILE)
    assert cache
    assert mounts["state"] == f"{cache[1]}/sessionqa/milvus"
    assert f"install --directory --owner sessionqa {mounts['state']}" in DOCKERFILE
    assert f"building:{mounts['state']}" in OURS["index"]["volumes"]


# --- the Dockerfile and compose's commands


def commands() -> Iterator[list[str]]:
    """Each command line that an image runs sessionqa with."""
    yield from (json.loads(last(stage, "CMD")) for stage in ("serve", "index"))
    yield from (service["command"] for service in OURS.values() if "command" in service)
    for stage in ("build", "serve"):
        for rest in (rest for word, rest in stages()[stage] if word == "RUN"):
            for command in re.findall(r"(?:^|&& )sessionqa ([^&]+)", rest):
                yield [part.strip('"') for part in re.findall(r'"[^"]*"|\S+', command)]


def test_commands_are_sessionqas() -> None:
    assert len(list(commands())) == 7
    for command in commands():
        assert cli._parser().parse_args(command).run


def test_what_an_image_compiles_is_there() -> None:
    (code,) = re.findall(r'python -c "(import [^"]+)"', DOCKERFILE)
    (imported,) = ast.parse(code).body
    assert isinstance(imported, ast.Import)
    for name in (alias.name for alias in imported.names):
        assert name == "pymilvus" or importlib.util.find_spec(name)


def test_the_wheel_finds_all_of_its_parts_in_the_context() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml"}
    needed |= {package.partition("/")[0] for package in wheel["packages"]}
    needed |= wheel["force-include"].keys() | {"constraints.txt", f"deploy/{FILE_NAME}"}
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in lines if line.startswith("!")} == needed
    assert lines[lines.index("*") :][0] == "*"
    assert all((ROOT / name).exists() for name in needed)


def test_what_a_service_waits_for_starts_with_it() -> None:
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            assert set(service["profiles"]) <= set(SERVICES[name]["profiles"])
            if how["condition"] == "service_healthy":
                assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
            else:
                assert SERVICES[name]["restart"] == "no"


# --- Milvus's chart

# What the parts of the chart have that run Milvus, as of 5.0.12, by its values.yaml; `extraEnv` is
# a list and so ends a path, as the texts of `extraConfigFiles` do.
_PART = "replicas resources extraEnv nodeSelector affinity tolerations strategy profiling.enabled"
_PARTS = "proxy mixCoordinator streamingNode queryNode dataNode indexNode standalone"
_KNOWN = {
    "cluster.enabled",
    "image.all.repository",
    "image.all.tag",
    "image.all.pullPolicy",
    "streaming.enabled",
    "streaming.woodpecker.embedded",
    "streaming.woodpecker.storage.type",
    "woodpecker.enabled",
    "woodpecker.replicaCount",
    "pulsar.enabled",
    "pulsarv3.enabled",
    "kafka.enabled",
    "extraConfigFiles.user.yaml",
    "service.type",
    "service.port",
    "metrics.enabled",
    "metrics.serviceMonitor.enabled",
    "mixCoordinator.activeStandby.enabled",
    "etcd.enabled",
    "etcd.replicaCount",
    "etcd.pdb.create",
    "etcd.persistence.enabled",
    "etcd.persistence.size",
    "minio.enabled",
    "minio.mode",
    "minio.image.repository",
    "minio.image.tag",
    "minio.existingSecret",
    "minio.podDisruptionBudget.enabled",
    "minio.persistence.enabled",
    "minio.persistence.size",
    *(f"{part}.{key}" for part in _PARTS.split() for key in ["enabled", *_PART.split()]),
}


def paths(values: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Each path of keys to a value, but for those inside of `resources`, which are Kubernetes's."""
    for key, value in values.items():
        if isinstance(value, dict) and key != "resources":
            yield from paths(value, f"{before}{key}.")
        else:
            yield f"{before}{key}"


def test_the_chart_knows_every_value() -> None:
    given = set(paths(VALUES))
    assert len(given) > 20
    assert given <= _KNOWN, given - _KNOWN


def test_the_charts_resources_are_kubernetes() -> None:
    for part in ("proxy", "mixCoordinator", "streamingNode", "queryNode", "dataNode"):
        manifest = documents(MANIFESTS / "deployment.yaml")[0]
        only = container(manifest["spec"]["template"])
        only["resources"] = VALUES[part]["resources"]
        only["env"] = VALUES[part].get("extraEnv", [])
        check(manifest)
        assert VALUES[part]["replicas"] >= 1


def test_both_keep_objects_in_the_same() -> None:
    image = VALUES["minio"]["image"]
    assert f"{image['repository']}:{image['tag']}" == SERVICES["minio"]["image"]


def test_milvus_lets_nobody_in_without_a_password() -> None:
    own = yaml.safe_load(VALUES["extraConfigFiles"]["user.yaml"])
    assert own["common"] == {"security": {"authorizationEnabled": True}}
    assert SERVICES["milvus"]["environment"]["COMMON_SECURITY_AUTHORIZATIONENABLED"] == "true"


def test_rows_are_mapped_from_disk_as_the_model_of_costs_has_them() -> None:
    own = yaml.safe_load(VALUES["extraConfigFiles"]["user.yaml"])
    assert own["queryNode"] == {"mmap": {"scalarField": True}}
