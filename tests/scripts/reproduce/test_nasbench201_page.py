"""The page of results on NAS-Bench-201, made of a small benchmark on made-up tables of the same names."""

import json

import pytest

from support.bench_table import write_table

for package in ("matplotlib", "scipy", "moocore"):
    pytest.importorskip(package)

from pynascent.scripts.reproduce.nasbench201 import groups, page, play  # noqa: E402
from pynascent.scripts.reproduce.nasbench201.groups import DATASETS, GROUPS, Group  # noqa: E402


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A folder with a few runs of each protocol."""
    home = tmp_path_factory.mktemp("home")
    (home / "tables").mkdir()
    for name in DATASETS:
        write_table(home / "tables" / f"NASBench201-{name}.nastable", {"space": "nasbench201"})
    small = {
        "nats": Group("nats", "0:3", ("random", "local_search"), datasets=DATASETS[:2]),
        "direct": Group(
            "direct",
            "0:2",
            ("random", "evolution-10-3=regularized_evolution"),
            budgets=("25",),
            datasets=DATASETS[:1],
        ),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYNASCENT_DATA", str(home))
        patch.setattr(play, "GROUPS", small)
        for _ in range(2):  # the second time everything is there
            play.play(home / "out", list(small), processes=1)
    return home / "out"


def test_the_page_has_every_agent_and_dataset_that_was_played(out, tmp_path):
    text = page.write_page(out, tmp_path).read_text(encoding="utf-8")
    nats, direct = text.split("## Protocol `direct`")
    assert "| agent | seeds | CIFAR10 | CIFAR100 |" in nats and "ImageNet16" not in nats
    measured = page.read(out, "nats")["CIFAR100"].scores("local_search", "value")
    assert len(measured) == 3 and f"{100 * measured.mean():.2f} ± {100 * measured.std(ddof=1):.2f} |" in nats
    assert "| agent | seeds | 20 | 40 | 60 | 100 | peer | ms |" in direct
    assert "12 after 100" in direct  # the peer's figure stands beside ours
    assert "<svg" in (tmp_path / "nats.svg").read_text() and "<svg" in (tmp_path / "direct.svg").read_text()


def test_the_page_has_the_peers_that_were_run_again(out, tmp_path):
    assert "run again" not in page.write_page(out, tmp_path).read_text(encoding="utf-8")
    runs = [{"seed": seed, "value": 0.5 + seed / 100, "report": 0.4} for seed in range(3)]
    (tmp_path / "out").mkdir()
    for group in out.iterdir():
        (tmp_path / "out" / group.name).symlink_to(group)
    (tmp_path / "out" / "peers").mkdir()
    (tmp_path / "out" / "peers" / "theirs-CIFAR100.json").write_text(json.dumps({"Theirs": runs}))
    text = page.write_page(tmp_path / "out", tmp_path).read_text(encoding="utf-8")
    assert "run again" in text
    assert "| Theirs |  | 51.00 ± 1.00 (3) |" in text and "| Theirs |  | 40.00 ± 0.00 (3) |" in text


def test_the_groups_can_be_played():
    names = [label for group in GROUPS.values() for label in group.agents]
    assert len(names) > 15
    for name, group in GROUPS.items():
        made = group.benchmark("0:1")
        assert made.protocol.name == group.protocol == name.partition("-")[0]
        assert len(made.tasks) == len(group.datasets) and len(made.agents) == len(group.agents)


def test_policies_of_one_kind_are_one_agent(tmp_path):
    made = groups.transfer([tmp_path / "0.npz", tmp_path / "1.npz"]).benchmark()
    assert [agent.label for agent in made.agents] == ["ppo-from-cifar10-0", "ppo-from-cifar10-1"]
    assert [task.label for task in made.tasks] == ["NASBench201-CIFAR100", "NASBench201-ImageNet16"]
