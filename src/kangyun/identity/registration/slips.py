"""Slips of the hand between two short strings. Pure: no knowledge of what they stand for."""


def within(one: str, other: str, limit: int) -> bool:
    """Whether `limit` slips at most turn one into the other: a sign wrong, missing, too many, or two transposed.

    Meant for a limit of 1 or 2; its time grows by four with each.
    """
    if abs(len(one) - len(other)) > limit:
        return False
    start = 0
    for x, y in zip(one, other, strict=False):
        if x != y:
            break
        start += 1
    one, other = one[start:], other[start:]
    if not one or not other:
        return True
    if limit == 0:
        return False
    transposed = one[:2] == other[1::-1]
    return (
        within(one[1:], other[1:], limit - 1)
        or within(one[1:], other, limit - 1)
        or within(one, other[1:], limit - 1)
        or (transposed and within(one[2:], other[2:], limit - 1))
    )


def differing(one: str, other: str) -> list[int]:
    """Returns the places at which strings of one length differ."""
    return [place for place, (x, y) in enumerate(zip(one, other, strict=True)) if x != y]


def transposed(one: str, other: str) -> bool:
    """Whether strings of one length differ by two neighbours that stand the other way round, and by nothing else."""
    places = differing(one, other)
    if len(places) != 2 or places[1] != places[0] + 1:
        return False
    return one[places[0]] == other[places[1]] and one[places[1]] == other[places[0]]
