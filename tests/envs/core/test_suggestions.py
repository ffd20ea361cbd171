"""Names that were nearly right."""

import pytest

from pynascent.envs.core.suggestions import did_you_mean, match_name

KNOWN = ("Digits", "LiveDigits", "NASBench201-CIFAR10", "NASBench201-CIFAR100")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Digits", "Digits"),
        ("digits", "Digits"),
        ("nasbench201-cifar10", "NASBench201-CIFAR10"),
        ("digit", None),
        (3, None),
    ],
)
def test_the_case_does_not_matter(name, found):
    assert match_name(name, KNOWN) == found


def test_what_could_be_two_names_is_neither_unless_it_is_one_exactly():
    assert match_name("A", ("a", "A")) == "A" and match_name("AB", ("ab", "aB")) is None


def test_near_names_are_suggested_and_far_ones_are_not():
    assert did_you_mean("Digit", KNOWN) == " (did you mean 'Digits' or 'LiveDigits'?)"
    assert "'NASBench201-CIFAR100'" in did_you_mean("nasbench201-cifar-100", KNOWN)
    assert did_you_mean("ImageNet", KNOWN) == did_you_mean(None, KNOWN) == ""
