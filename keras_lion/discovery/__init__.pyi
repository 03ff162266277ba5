from keras_lion.discovery import abstract as abstract
from keras_lion.discovery import zoo as zoo
from keras_lion.discovery.abstract import InvalidProgram as InvalidProgram
from keras_lion.discovery.functions import FUNCTIONS as FUNCTIONS
from keras_lion.discovery.functions import Function as Function
from keras_lion.discovery.instruction import Instruction as Instruction
from keras_lion.discovery.interpreter import interpret as interpret
from keras_lion.discovery.numpy_execution import step_function as step_function
from keras_lion.discovery.program import Program as Program
from keras_lion.discovery.program_optimizer import ProgramOptimizer as ProgramOptimizer
from keras_lion.discovery.simplify import SimplificationStep as SimplificationStep
from keras_lion.discovery.simplify import Simplifier as Simplifier
from keras_lion.discovery.simplify import simplified as simplified

__all__ = [
    "FUNCTIONS",
    "Function",
    "Instruction",
    "InvalidProgram",
    "Program",
    "ProgramOptimizer",
    "SimplificationStep",
    "Simplifier",
    "abstract",
    "interpret",
    "simplified",
    "step_function",
    "zoo",
]
