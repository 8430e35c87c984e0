"""Who is who: the resident index. Empty until its own issue; the layer stands so that contracts hold from the first
commit."""
