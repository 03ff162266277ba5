"""The program search: optimizers as programs, and how Lion was found."""

from keras_lion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "FUNCTIONS": ".functions",
        "Function": ".functions",
        "Instruction": ".instruction",
        "InvalidProgram": ".abstract",
        "PlantedFitness": ".planted",
        "Program": ".program",
        "ProgramOptimizer": ".program_optimizer",
        "Proxy": ".proxies",
        "ProxyFitness": ".evaluation",
        "Search": ".evolution",
        "SearchFolder": ".checkpoint",
        "SearchSettings": ".search_state",
        "SimplificationStep": ".simplify",
        "Simplifier": ".simplify",
        "abstract": ".abstract",
        "device_evaluator": ".device",
        "funnel": ".meta_validation",
        "is_sign_like": ".behaviour",
        "meta_curve": ".meta_validation",
        "mutate": ".mutation",
        "simplified": ".simplify",
        "size_variation": ".behaviour",
        "step_function": ".execution",
        "train_on_task": ".task_training",
        "zoo": ".zoo",
    },
)
