"""Tables of finished trainings: the file format, the evaluator that answers from it, and where tables are kept."""

from ..core.evaluation import MEAN_SEED
from .builder import MetricData, TableData
from .categorical import CategoricalSpace, config_of_space, space_of_config
from .checks import verify_table
from .covered import CoveredSpace
from .errors import MissingTableError, TableError
from .evaluator import TableEvaluator
from .finding import data_folder, find_table, list_tables, open_table, own_path
from .format import SUFFIX, Table
from .missing import MODES

__all__ = [
    "MEAN_SEED",
    "MODES",
    "SUFFIX",
    "CategoricalSpace",
    "CoveredSpace",
    "MetricData",
    "MissingTableError",
    "Table",
    "TableData",
    "TableError",
    "TableEvaluator",
    "config_of_space",
    "data_folder",
    "find_table",
    "list_tables",
    "open_table",
    "own_path",
    "space_of_config",
    "verify_table",
]
