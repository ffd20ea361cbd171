"""Looking at an evaluator's metrics as Prometheus does: over HTTP, through its own client's parser."""

from __future__ import annotations

import urllib.request
from typing import Any


def scrape(url: str) -> dict[str, Any]:
    """Return the metric families at an address, by name."""
    from prometheus_client.parser import text_string_to_metric_families

    with urllib.request.urlopen(url, timeout=30) as answer:
        return {family.name: family for family in text_string_to_metric_families(answer.read().decode())}


def samples(url: str) -> dict[tuple[str, ...], float]:
    """Return the samples at an address: the name, and the values of the labels in the order of their names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in scrape(url).values()
        for sample in family.samples
    }
