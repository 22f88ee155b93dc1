"""Pins on the map: the town that a person would name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.recruiting.answers.places import shared
from app.recruiting.messages import InboundMessage, Kind, Location
from app.recruiting.places import nearest_town, place_words
from app.recruiting.said import Said


@pytest.mark.parametrize(
    ("latitude", "longitude", "town", "country"),
    [
        (52.0907, 5.1214, "Utrecht", "NL"),
        (52.339, 4.962, "Diemen", "NL"),  # its own town, though Amsterdam is near
        (51.58, 5.0, "Tilburg", "NL"),  # the edge of a city, nearer to a village's middle
        (48.137, 11.575, "Munich", "DE"),
        (50.06, 19.94, "Kraków", "PL"),
        (49.84, 24.03, "Lviv", "UA"),
        (44.43, 26.10, "Bucharest", "RO"),
        (30.05, 31.24, "Cairo", "EG"),
        (-33.87, 151.21, "Sydney", "AU"),
    ],
)
def test_a_pin_lies_in_the_town_that_people_name(latitude: float, longitude: float, town: str, country: str) -> None:
    found = nearest_town(latitude, longitude)
    assert found is not None
    assert (found.name, found.country) == (town, country)
    assert found.distance_km < 15


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(45.0, -30.0), (90.0, 0.0), (-89.9, 10.0), (91.0, 0.0), (0.0, 181.0)]
)
def test_where_no_town_is_none_is_named(latitude: float, longitude: float) -> None:
    assert nearest_town(latitude, longitude) is None
    assert place_words(Location(latitude=latitude, longitude=longitude)) == ""


def test_the_date_line_is_no_edge() -> None:
    """Taveuni in Fiji lies across it."""
    west, east = nearest_town(-16.6, 179.999), nearest_town(-16.6, -179.999)
    assert west == east


@pytest.mark.parametrize(
    ("name", "address", "words"),
    [
        ("", "", "Utrecht, Netherlands"),
        ("Café Olivier", "", "Café Olivier, Utrecht, Netherlands"),
        ("", "Achter Clarenburg 6, 3511 JJ Utrecht", "Achter Clarenburg 6, 3511 JJ Utrecht"),
        ("Café Olivier", "Achter Clarenburg 6, Utrecht", "Café Olivier, Achter Clarenburg 6, Utrecht"),
    ],
)
def test_a_place_speaks_for_itself_before_the_map_does(name: str, address: str, words: str) -> None:
    assert place_words(Location(latitude=52.0907, longitude=5.1214, name=name, address=address)) == words


def test_a_bare_pin_answers_where_somebody_lives() -> None:
    """The words of a pin are read by the same rule as those of a named place."""
    pin = Location(latitude=52.0907, longitude=5.1214)
    message = InboundMessage(message_id="1", sent_at=0.0, kind=Kind.LOCATION, location=pin)
    said = Said(message_id="1", text=place_words(pin), at=0.0, kind=message.kind, location=pin)
    found = shared(said)
    assert found is not None
    assert (found.value["city"], found.quote) == ("Utrecht", "Utrecht")


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(allow_nan=True, allow_infinity=True))
def test_any_numbers_give_a_town_or_none(latitude: float, longitude: float) -> None:
    town = nearest_town(latitude, longitude)
    assert town is None or (town.name and len(town.country) == 2 and 0 <= town.distance_km <= 60)


@given(st.floats(-60, 70), st.floats(-180, 180))
def test_a_town_is_found_only_nearby(latitude: float, longitude: float) -> None:
    town = nearest_town(latitude, longitude)
    assert town is None or town.distance_km <= 60
