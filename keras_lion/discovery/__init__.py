"""The program search: optimizers as programs, and how Lion was found."""

from keras_lion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "FUNCTIONS": ".functions",
        "Function": ".functions",
        "Instruction": ".instruction",
        "InvalidProgram": ".abstract",
        "Program": ".program",
        "ProgramOptimizer": ".program_optimizer",
        "SimplificationStep": ".simplify",
        "Simplifier": ".simplify",
        "abstract": ".abstract",
        "interpret": ".interpreter",
        "simplified": ".simplify",
        "step_function": ".numpy_execution",
        "zoo": ".zoo",
    },
)
