"""Search spaces: sets of architectures as integer vectors, and the networks they stand for."""

from ..network.cost import Cost, layer_costs, network_cost
from ..network.graph import Layer, Network, NetworkBuilder
from .accel_nasbench import AccelNASBenchSpace
from .base import Choice, SearchSpace
from .chain import ChainSpace
from .mobile import MobileSpace
from .nasbench101 import NASBench101Space
from .nasbench201 import NASBench201Space
from .nasbench_macro import NASBenchMacroSpace
from .registry import SPACES, space_from_config, space_to_config
from .transnas.macro import TransNASMacroSpace
from .transnas.micro import TransNASMicroSpace
from .vit import VisionTransformerSpace

__all__ = [
    "SPACES",
    "AccelNASBenchSpace",
    "ChainSpace",
    "Choice",
    "Cost",
    "Layer",
    "MobileSpace",
    "NASBench101Space",
    "NASBench201Space",
    "NASBenchMacroSpace",
    "Network",
    "NetworkBuilder",
    "SearchSpace",
    "TransNASMacroSpace",
    "TransNASMicroSpace",
    "VisionTransformerSpace",
    "layer_costs",
    "network_cost",
    "space_from_config",
    "space_to_config",
]
