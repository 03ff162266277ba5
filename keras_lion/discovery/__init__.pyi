from keras_lion.discovery import abstract as abstract
from keras_lion.discovery import zoo as zoo
from keras_lion.discovery.abstract import InvalidProgram as InvalidProgram
from keras_lion.discovery.behaviour import is_sign_like as is_sign_like
from keras_lion.discovery.behaviour import size_variation as size_variation
from keras_lion.discovery.checkpoint import SearchFolder as SearchFolder
from keras_lion.discovery.device import device_evaluator as device_evaluator
from keras_lion.discovery.evaluation import ProxyFitness as ProxyFitness
from keras_lion.discovery.evolution import Search as Search
from keras_lion.discovery.execution import step_function as step_function
from keras_lion.discovery.functions import FUNCTIONS as FUNCTIONS
from keras_lion.discovery.functions import Function as Function
from keras_lion.discovery.instruction import Instruction as Instruction
from keras_lion.discovery.meta_validation import funnel as funnel
from keras_lion.discovery.meta_validation import meta_curve as meta_curve
from keras_lion.discovery.mutation import mutate as mutate
from keras_lion.discovery.planted import PlantedFitness as PlantedFitness
from keras_lion.discovery.program import Program as Program
from keras_lion.discovery.program_optimizer import ProgramOptimizer as ProgramOptimizer
from keras_lion.discovery.proxies import Proxy as Proxy
from keras_lion.discovery.search_state import SearchSettings as SearchSettings
from keras_lion.discovery.simplify import SimplificationStep as SimplificationStep
from keras_lion.discovery.simplify import Simplifier as Simplifier
from keras_lion.discovery.simplify import simplified as simplified
from keras_lion.discovery.task_training import train_on_task as train_on_task

__all__ = [
    "FUNCTIONS",
    "Function",
    "Instruction",
    "InvalidProgram",
    "PlantedFitness",
    "Program",
    "ProgramOptimizer",
    "Proxy",
    "ProxyFitness",
    "Search",
    "SearchFolder",
    "SearchSettings",
    "SimplificationStep",
    "Simplifier",
    "abstract",
    "device_evaluator",
    "funnel",
    "is_sign_like",
    "meta_curve",
    "mutate",
    "simplified",
    "size_variation",
    "step_function",
    "train_on_task",
    "zoo",
]
