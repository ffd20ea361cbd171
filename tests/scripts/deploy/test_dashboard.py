"""Grafana's dashboard: it draws what the exporter serves, all of it, in PromQL that parses."""

import json
import re
from itertools import combinations
from pathlib import Path

import pytest

from pynascent.trainers.watching.prometheus import METRICS

GRAFANA = Path(__file__).parents[3] / "docs" / "deploy" / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboard.json").read_text(encoding="utf-8"))
TARGETS = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]


def metrics(expression: str) -> set[str]:
    return set(re.findall(r"pynascent_\w+", expression))


def test_every_metric_that_is_drawn_is_served_and_every_one_served_is_drawn():
    assert set().union(*(metrics(target["expr"]) for target in TARGETS)) == set(METRICS)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["expr"])
def test_expressions_parse_and_suit_the_metrics(target):
    promql = pytest.importorskip("promql_parser")
    promql.parse(target["expr"])
    (name,) = metrics(target["expr"])
    kind, labels, _ = METRICS[name]
    assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= set(labels)
    assert ("rate(" not in target["expr"]) or kind == "counter"


def test_panels_lie_beside_each_other_and_draw_from_the_provisioned_source():
    yaml = pytest.importorskip("yaml")
    (source,) = yaml.safe_load((GRAFANA / "datasource.yaml").read_text())["datasources"]
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
        assert panel["title"] and panel["fieldConfig"]["defaults"]["unit"]
    for a, b in combinations([panel["gridPos"] for panel in panels], 2):
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert apart or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert a["x"] + a["w"] <= 24


def test_grafana_finds_the_dashboard_where_compose_mounts_it():
    yaml = pytest.importorskip("yaml")
    (provider,) = yaml.safe_load((GRAFANA / "dashboards.yaml").read_text())["providers"]
    grafana = yaml.safe_load((GRAFANA.parent / "compose.yaml").read_text())["services"]["grafana"]
    mounts = dict(volume.removesuffix(":ro").split(":") for volume in grafana["volumes"])
    assert mounts["./grafana/dashboard.json"].startswith(provider["options"]["path"] + "/")
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == mounts["./grafana/dashboard.json"]
    for kind in ("datasource", "dashboards"):
        assert "/etc/grafana/provisioning/" + kind.rstrip("s") in mounts[f"./grafana/{kind}.yaml"]
