"""Where a person usually is, and how far somebody has gone. Pure; positions are WGS-84."""

import math

import numpy as np

from kangyun.devices.signals.model import Bools, Floats

EARTH = 6_371_008.8  # metres, mean radius; IUGG
LEAST_RADIUS = 800.0  # metres; our choice
MARGIN = 1.3  # our choice
FEWEST = 200  # positions: days of them, before anybody is said to be out of his area


def metres(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Returns the distance of two positions in metres."""
    a, b = math.radians(latitude), math.radians(to_latitude)
    across = math.radians(to_longitude - longitude)
    share = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(across / 2) ** 2
    return 2 * EARTH * math.asin(math.sqrt(share))


def usual_area(latitude: Floats, longitude: Floats, night: Bools) -> tuple[float, float, float] | None:
    """Returns the middle of where a person's nights are, and the radius in metres that holds nearly all of the days.

    None while too little is known. One trip to town is not the usual: the radius is that of the 99th percentile.
    """
    if len(latitude) < FEWEST or night.sum() < FEWEST // 10:
        return None
    home = float(np.median(latitude[night])), float(np.median(longitude[night]))
    north = np.radians(latitude - home[0]) * EARTH
    east = np.radians(longitude - home[1]) * EARTH * math.cos(math.radians(home[0]))
    reach = float(np.quantile(np.hypot(north, east), 0.99))
    return home[0], home[1], max(reach * MARGIN, LEAST_RADIUS)
