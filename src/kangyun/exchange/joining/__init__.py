"""The joining package (对接包): what a hospital's engineer is given, made of the same files that his rows are read by.

It describes; it registers nobody and sends nothing.
"""

from kangyun.exchange.joining.describing import DataSet, Field, data_sets, dialects
from kangyun.exchange.joining.gathering import gathered
from kangyun.exchange.joining.package import Counted, Joining, package

__all__ = ["Counted", "DataSet", "Field", "Joining", "data_sets", "dialects", "gathered", "package"]
