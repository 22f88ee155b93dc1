"""Where a shared pin lies: the nearest town of GeoNames' places of 5,000 people and more, without asking anybody."""

import functools
import gzip
import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from importlib.resources import files

import msgspec
from babel import Locale

from app.recruiting.messages import Location

_KM_PER_DEGREE = 111.2
_FARTHEST_KM = 60.0  # beyond that a pin lies at sea or in a desert and says nothing about a commute


class Town(msgspec.Struct, frozen=True, kw_only=True):
    """`country` is ISO 3166-1 alpha-2; `distance_km` goes to the town's middle."""

    name: str
    country: str
    distance_km: float


def nearest_town(latitude: float, longitude: float) -> Town | None:
    """The town that a point (WGS84 degrees) belongs to; None far from any town, and for what is no point on Earth.

    Distance counts in radii of the town, so that a pin in a suburb belongs to its city.
    """
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    towns = _towns()
    reach = _FARTHEST_KM / _KM_PER_DEGREE * 100
    best, best_score, best_distance = -1, math.inf, 0.0
    first = bisect_left(towns.latitudes, math.floor(latitude * 100 - reach))
    last = bisect_left(towns.latitudes, math.ceil(latitude * 100 + reach) + 1)
    width = math.cos(math.radians(latitude)) * _KM_PER_DEGREE
    for index in range(first, last):
        across = abs(towns.longitudes[index] / 100 - longitude)
        across = min(across, 360 - across) * width
        if across > _FARTHEST_KM:
            continue
        distance = math.hypot(across, (towns.latitudes[index] / 100 - latitude) * _KM_PER_DEGREE)
        score = distance / towns.radii[index]
        if distance <= _FARTHEST_KM and score < best_score:
            best, best_score, best_distance = index, score, distance
    if best < 0:
        return None
    return Town(name=towns.name(best), country=towns.country(best), distance_km=round(best_distance, 1))


def place_words(location: Location) -> str:
    """What a shared place says: its own name and address; without an address, the town it lies in.

    "Café Olivier, Utrecht, Netherlands" for a named pin, "Utrecht, Netherlands" for a bare one, "" in the middle of
    nowhere.
    """
    town = None if location.address else nearest_town(location.latitude, location.longitude)
    where = location.address
    if town is not None:
        where = ", ".join(part for part in (town.name, _country_names().get(town.country, "")) if part)
    return ", ".join(part for part in (location.name, where) if part)


@functools.cache
def _country_names() -> dict[str, str]:
    return dict(Locale("en").territories)


@dataclass(frozen=True, slots=True)
class _Towns:
    """Columns sorted by latitude, hundredths of a degree and tenths of a kilometre: about 3 MB for all the world."""

    latitudes: "array[int]"
    longitudes: "array[int]"
    radii: "array[int]"
    labels: bytes
    starts: "array[int]"

    def _label(self, index: int) -> str:
        return self.labels[self.starts[index] : self.starts[index + 1]].decode()

    def name(self, index: int) -> str:
        return self._label(index)[:-2]

    def country(self, index: int) -> str:
        return self._label(index)[-2:]


@functools.cache
def _towns() -> _Towns:
    """Read when the first pin comes: about a tenth of a second."""
    latitudes, longitudes, radii, starts = array("h"), array("h"), array("H"), array("I", [0])
    labels = bytearray()
    packed = files("app.recruiting").joinpath("data/towns.tsv.gz").read_bytes()
    for line in gzip.decompress(packed).splitlines():
        name, country, latitude, longitude, radius = line.split(b"\t")
        latitudes.append(int(latitude))
        longitudes.append(int(longitude))
        radii.append(int(radius))
        labels += name + country
        starts.append(len(labels))
    return _Towns(latitudes, longitudes, radii, bytes(labels), starts)
