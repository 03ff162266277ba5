from . import abstract as abstract
