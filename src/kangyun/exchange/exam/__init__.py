"""The exam of interoperability (互联互通测评): three conformance lists, each line with what was run for it.

A line is covered as far as the installed code offers it. It has passed only where this very run has tried it and it
held; its evidence says what ran, how much of it, and a digest of it. A standard whose text was not found in public
passes nowhere until a site that holds it gives the mapping and a sample. The region's points are a file that the site
loads; without it there is no score. This is no assessment: it says what would be shown to one.
"""
