"""What the importers of NAS-Bench-201 share: its datasets, spaces, licence and citation."""

from __future__ import annotations

from dataclasses import dataclass

from ...spaces import SearchSpace, space_from_config

EPOCHS = (12, 200)

LICENCE = "MIT (NAS-Bench-201 / NATS-Bench)"
SOURCE = "https://github.com/D-X-Y/NATS-Bench"
CITATION = (
    "X. Dong, L. Liu, K. Musial, B. Gabrys. NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and "
    "Size. IEEE TPAMI 2021. X. Dong, Y. Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture "
    "Search. ICLR 2020."
)
HW_LICENCE = "MIT (HW-NAS-Bench)"
HW_CITATION = (
    "C. Li, Z. Yu, Y. Fu, Y. Zhang, Y. Zhao, H. You, Q. Yu, Y. Wang, Y. Lin. HW-NAS-Bench: Hardware-Aware Neural "
    "Architecture Search Benchmark. ICLR 2021."
)

FLOPS = (
    "2 x the published multiply-accumulates, which count the classifier's bias as one for each class; "
    "published in millions with 5 decimals."
)
PARAMETERS = "Trainable parameters as published: weights, scales and biases, without moving means and variances."


@dataclass(frozen=True)
class Dataset:
    """One of the benchmark's datasets.

    Attributes:
        label: end of the table's name.
        key: suffix of its columns in the compact compilation.
        official: its name in the official files.
        trained: the official name under which models with a validation accuracy were trained.
        validation, test: images in the two splits.
        classes: number of classes.
        side: height and width of an image.
    """

    label: str
    key: str
    official: str
    trained: str
    validation: int
    test: int
    classes: int
    side: int

    def space(self) -> SearchSpace:
        """Return the search space of networks for this dataset."""
        return space_from_config(
            {"space": "nasbench201", "classes": self.classes, "input_shape": [self.side, self.side, 3]}
        )


DATASETS = (
    Dataset("CIFAR10", "c10", "cifar10", "cifar10-valid", 25_000, 10_000, 10, 32),
    Dataset("CIFAR100", "c100", "cifar100", "cifar100", 5_000, 5_000, 100, 32),
    Dataset("ImageNet16", "in16", "ImageNet16-120", "ImageNet16-120", 3_000, 3_000, 120, 16),
)
