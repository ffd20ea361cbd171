"""Every registered space with its defaults, and some with other arguments: what tests of all spaces walk over."""

from pynascent.envs.spaces import (
    SPACES,
    AccelNASBenchSpace,
    ChainSpace,
    MobileSpace,
    NASBench101Space,
    NASBench201Space,
    NASBenchMacroSpace,
    SearchSpace,
    TransNASMacroSpace,
    TransNASMicroSpace,
    VisionTransformerSpace,
)

VARIANTS: dict[str, SearchSpace] = {name: cls() for name, cls in SPACES.items()} | {
    "chain per block": ChainSpace(stages=1, blocks=3, residual="per_block"),
    "chain no residual": ChainSpace(residual="none", widths=(4,)),
    "mobile per stage": MobileSpace(per="stage", head=0, activation="hard_swish"),
    "mobile 8x8": MobileSpace(
        input_shape=(8, 8, 1), strides=(1, 2), widths=((8, 12), (16, 12)), kernels=(3, 5), expansions=(1, 3), stem=8
    ),
    "nasbench101 small": NASBench101Space(vertices=4, max_edges=4, channels=8, stacks=2, cells=1),
    "nasbench101 5": NASBench101Space(vertices=5, max_edges=6, channels=9, stacks=1, cells=1, input_shape=(8, 8, 1)),
    "nasbench201 small": NASBench201Space(channels=4, cells=1, input_shape=(8, 8, 1), classes=3),
    "nasbench_macro small": NASBenchMacroSpace(channels=4, input_shape=(8, 8, 1)),
    "transnas_micro small": TransNASMicroSpace(channels=4, input_shape=(33, 32, 1), classes=3),
    "transnas_macro small": TransNASMacroSpace(channels=2, input_shape=(40, 33, 1), classes=3),
    "accel_nasbench small": AccelNASBenchSpace("relu", input_shape=(33, 32, 1), classes=3),
    "vit 8x8": VisionTransformerSpace(input_shape=(8, 8, 1), patches=(2, 3, 4), widths=(12, 16), depths=(1, 2)),
    "vit stages": VisionTransformerSpace(stages=2, patches=(4, 2, 32), depths=(1, 2), heads=(1, 3, 5), widths=(16, 48)),
}
