"""The files in docs/deploy, held against their schemas and linters: no container engine is needed."""

import copy
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from pynascent.scripts.cli.app import app

yaml = pytest.importorskip("yaml")
jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "docs" / "deploy"
TOOLS = Path(sys.executable).parent
LINT = """
extends: default
rules:
  line-length: {max: 130}
  document-start: disable
  comments: {min-spaces-from-content: 1}
  comments-indentation: disable
"""


def read(name: str) -> dict:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def run(*command: object) -> subprocess.CompletedProcess[str]:
    if not (TOOLS / str(command[0])).exists():
        pytest.skip(f"{command[0]} is not installed: it is one of the development tools")
    return subprocess.run([TOOLS / str(command[0]), *map(str, command[1:])], capture_output=True, text=True)


def check_search(words: list[str]) -> dict:
    """Parse a ``search`` command line as the program does, without running it; return its values."""
    assert words[0] == "search", words
    command = typer.main.get_command(app).commands["search"]  # type: ignore[attr-defined]
    return command.make_context("search", words[1:]).params


# -- Dockerfile ------------------------------------------------------------------------------------------


def test_the_dockerfile_is_linted():
    done = run("hadolint", ROOT / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_finds_faults(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp\nRUN pip install uv\n")
    done = run("hadolint", tmp_path / "Dockerfile")
    assert done.returncode == 1 and {"DL3006", "DL3003", "DL3013"} <= set(done.stdout.split())


def test_both_images_run_the_command_and_the_one_without_gpus_is_the_default():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    stages = [line.split()[-1] for line in lines if line.startswith("FROM")]
    assert stages == ["cuda", "cpu"]  # `docker build` makes the last
    for instruction in ('ENTRYPOINT ["pynascent"]', "VOLUME /data", "COPY . ."):
        assert lines.count(instruction) == 2


# -- YAML ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.y*ml")), ids=lambda path: path.name)
def test_yaml_is_linted(path):
    lint, config = pytest.importorskip("yamllint.linter"), pytest.importorskip("yamllint.config")
    assert [str(problem) for problem in lint.run(path.read_text(), config.YamlLintConfig(LINT))] == []


# -- compose ---------------------------------------------------------------------------------------------


def test_the_compose_file_is_one_by_the_specification(tmp_path):
    check = ("check-jsonschema", "--builtin-schema", "vendor.compose-spec")
    done = run(*check, DEPLOY / "compose.yaml")
    assert done.returncode == 0, done.stdout
    wrong = read("compose.yaml")
    wrong["services"]["grafana"]["port"] = wrong["services"]["grafana"].pop("ports")
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    assert run(*check, tmp_path / "wrong.yaml").returncode == 1


def test_nothing_is_published_beyond_localhost():
    services = read("compose.yaml")["services"]
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 3 and all(port.startswith("127.0.0.1:") for port in published)
    assert "9400" not in " ".join(published)  # the metrics stay inside the namespace
    for name in ("pynascent", "prometheus"):
        assert services[name]["network_mode"] == "service:grafana" and "ports" not in services[name]


def test_mounted_files_and_volumes_are_there():
    compose = read("compose.yaml")
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith(".") else source in compose["volumes"]
        assert not any("latest" in part for part in service.get("image", "").split(":"))
    assert (DEPLOY / compose["services"]["pynascent"]["build"]["context"] / "Dockerfile").is_file()


def test_the_search_that_it_runs_serves_where_prometheus_asks():
    params = check_search(read("compose.yaml")["services"]["pynascent"]["command"])
    targets = read("prometheus.yml")["scrape_configs"][0]["static_configs"][0]["targets"]
    assert targets == [f"127.0.0.1:{params['metrics_port']}"] and params["tensorboard"]


# -- Ray's cluster launcher, and Kubernetes --------------------------------------------------------------


def test_the_cluster_is_one_that_rays_launcher_takes():
    autoscaler = pytest.importorskip("ray.autoscaler")
    from ray.autoscaler._private.util import prepare_config, validate_config

    schema = json.loads(Path(autoscaler.__file__).with_name("ray-schema.json").read_text())
    cluster = read("ray-cluster.yaml")
    jsonschema.validate(cluster, schema)
    prepared = prepare_config(copy.deepcopy(cluster))  # what `ray up` makes of it
    validate_config(prepared)
    assert prepared["available_node_types"]["local.cluster.node"]["min_workers"] == 2
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**cluster, "head_ip": "192.0.2.10"}, schema)


def test_the_rayjob_keeps_to_the_documented_fields():
    schema = json.loads(Path(__file__).with_name("rayjob_schema.json").read_text())
    job = read("rayjob.yaml")
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(job, schema)
    params = check_search(shlex.split(job["spec"]["entrypoint"])[1:])
    assert params["ray_address"] == "auto" and params["resume"]
    for path, value in (
        (("spec", "rayClusterSpec", "headGroupSpec"), {}),
        (("spec", "rayClusterSpec", "headGroupSpec", "rayStartParams"), {"num-cpus": 0}),  # it must be a text
        (("spec", "shutdownAfterJobFinish"), True),
        (("apiVersion",), "ray.io/v1alpha1"),
    ):
        wrong = copy.deepcopy(job)
        inner = wrong
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_images_have_the_names_that_the_dockerfile_gives_and_rays_version():
    import re

    built = set(re.findall(r"--tag (\S+)", (ROOT / "Dockerfile").read_text()))
    job, cluster = read("rayjob.yaml")["spec"]["rayClusterSpec"], read("ray-cluster.yaml")
    pods = [job["headGroupSpec"], *job["workerGroupSpecs"]]
    images = {container["image"] for pod in pods for container in pod["template"]["spec"]["containers"]}
    images |= {cluster["docker"]["image"], read("compose.yaml")["services"]["pynascent"]["image"]}
    assert images <= built
    pinned = re.findall(r"^ray==([\d.]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert job["rayVersion"] in pinned


def test_the_command_for_the_cluster_is_one():
    text = (DEPLOY / "ray-cluster.yaml").read_text().replace("\\\n#", " ")
    command = text[text.index('"/pynascent') + 1 :].partition('"')[0]
    assert check_search(shlex.split(command)[1:])["ray_address"] == "auto"
