"""The mapping language of services: a TOML file says which of our functions an action is; `docs/soap.md` explains it.

A request is taken apart by XPath into named columns, and these become resources or a question by the language of
tables (`exchange.tables.mapping`); the answer is XML with FHIRPath in braces. Both are standards that a hospital's
engineer can look up.
"""

from kangyun.exchange.soap.mapping.adaptor import Adaptor, Called
from kangyun.exchange.soap.mapping.asking import Asked
from kangyun.exchange.soap.mapping.model import Action, BadMapping, Service, parse

__all__ = ["Action", "Adaptor", "Asked", "BadMapping", "Called", "Service", "parse"]
