"""What came of a feed in a month, as MeasureReports of its institution: for its own people, and for who compares.

Figures only, and of no person. What they are worth is not reckoned here (`oversight.feed_quality`).
"""

from kangyun.exchange.feeds.figures.publishing import Figures, keep_published
from kangyun.exchange.feeds.figures.together import Day, Together, together

__all__ = ["Day", "Figures", "Together", "keep_published", "together"]
