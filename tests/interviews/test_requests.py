"""What candidates type about an interview that is booked, in eight languages."""

from datetime import UTC, datetime

import pytest

from app.recruiting.interview_requests import Wish, requested, wished
from app.recruiting.interviews import Booking, Interviews, Invitation, Slot
from app.recruiting.lexicon import LANGUAGES

SHOWN = [
    ("en", "When is my interview?"),
    ("en", "where do i have to go tomorrow for the interview"),
    ("en", "Hi, what time is my appointment?"),
    ("nl", "Wanneer is mijn gesprek?"),
    ("nl", "Hoe laat is het sollicitatiegesprek en waar moet ik zijn"),
    ("de", "Wann habe ich mein Vorstellungsgespräch?"),
    ("de", "Wo muss ich morgen zum Gespräch hin?"),
    ("pl", "Kiedy mam rozmowę kwalifikacyjną?"),
    ("pl", "o ktorej jest rozmowa"),
    ("es", "¿Cuándo es mi entrevista?"),
    ("es", "a que hora tengo la entrevista"),
    ("ro", "Când am interviul?"),
    ("ro", "La ce oră este interviul"),
    ("uk", "Коли в мене співбесіда?"),
    ("uk", "Куди мені прийти на співбесіду завтра"),
    ("ar", "متى المقابلة؟"),
    ("ar", "أين مكان المقابلة"),
]
CHANGED = [
    ("en", "I can't come to the interview"),
    ("en", "I need another time for my interview"),
    ("en", "Can we reschedule my interview?"),
    ("en", "I am sick and cannot come to the interview tomorrow"),
    ("nl", "Ik kan niet naar het gesprek komen"),
    ("nl", "Kan ik een andere tijd voor mijn gesprek krijgen?"),
    ("de", "Ich kann leider nicht zum Vorstellungsgespräch kommen"),
    ("de", "Ich brauche einen anderen Termin für das Gespräch"),
    ("pl", "Nie mogę przyjść na rozmowę"),
    ("pl", "Czy mogę dostać inny termin rozmowy?"),
    ("es", "No puedo ir a la entrevista"),
    ("es", "Necesito otra hora para la entrevista"),
    ("ro", "Nu pot ajunge la interviu"),
    ("ro", "Am nevoie de altă oră pentru interviu"),
    ("uk", "Я не зможу прийти на співбесіду"),
    ("uk", "Мені потрібен інший час для співбесіди"),
    ("ar", "لا أستطيع الحضور إلى المقابلة"),
    ("ar", "أريد موعدا آخر للمقابلة"),
]
CANCELLED = [
    ("en", "Cancel my interview"),
    ("en", "Hello, I want to cancel my appointment please"),
    ("nl", "Ik wil mijn gesprek afzeggen"),
    ("de", "Ich möchte den Termin absagen"),
    ("pl", "Chcę odwołać rozmowę"),
    ("es", "Quiero cancelar mi entrevista"),
    ("ro", "Vreau să anulez interviul"),
    ("uk", "Хочу скасувати співбесіду"),
    ("ar", "أريد إلغاء المقابلة"),
]
# They name a cancellation or a change without ordering it: both buttons.
DOUBTED = [
    ("en", "Can I cancel my interview?"),
    ("en", "please don't cancel my interview"),
    ("en", "Is my interview cancelled?"),
    ("en", "cancel my interview on Friday"),
    ("en", "I can't come to the interview, please cancel"),
    ("en", "I do not want another time for my interview"),
    ("en", "do I have to cancel my interview"),
    ("en", "cancel my interview\nno wait"),
    ("en", "cancel my interview\nsorry I want the interview"),
    ("nl", "Ik wil mijn gesprek niet annuleren"),
    ("de", "Muss ich den Termin absagen"),
    ("de", "Bitte das Gespräch nicht absagen"),
    ("pl", "Nie chcę odwołać rozmowy"),
    ("es", "No quiero cancelar la entrevista"),
    ("ro", "Nu vreau să anulez interviul"),
    ("uk", "Я не хочу скасувати співбесіду"),
    ("ar", "لا أريد إلغاء المقابلة"),
    ("ar", "هل تم إلغاء المقابلة"),
]
LEFT = [
    ("en", "When can I start?"),
    ("en", "another day"),
    ("en", "cancel"),
    ("en", "I can't come tomorrow"),
    ("en", "Where is the warehouse?"),
    ("en", "Should I bring my passport to the interview?"),
    ("en", "Thanks, see you at the interview"),
    ("en", "When do I hear back after the interview?"),
    ("en", "I can't come to work, I have an interview at another company"),
    ("en", "Cancel my interview and stop messaging me"),
    ("en", "I can't come to the interview, I want to talk to a human"),
    ("en", "cancel my interview and delete all my data"),
    ("en", "I have a doctor's appointment, another day please"),
    ("nl", "een andere dag"),
    ("nl", "Annuleer"),
    ("nl", "Wanneer krijg ik de uitslag van het gesprek?"),
    ("de", "An einem anderen Tag"),
    ("de", "Kann ich einen anderen Tag anfangen?"),
    ("de", "Wann bekomme ich nach dem Gespräch Bescheid?"),
    ("pl", "inny termin"),
    ("pl", "Kiedy mogę zacząć?"),
    ("pl", "koniec rozmowy"),
    ("pl", "Chcę rozmowę z człowiekiem"),
    ("es", "otra fecha"),
    ("es", "¿Cuándo empiezo?"),
    ("ro", "altă dată"),
    ("ro", "Când pot începe?"),
    ("uk", "інша дата"),
    ("uk", "Коли можна почати?"),
    ("ar", "موعد آخر"),
    ("ar", "متى يبدأ العمل؟"),
    ("ar", "متى نتيجة المقابلة؟"),
]
SLOTS = [
    Slot(
        id=f"s{day}",
        vacancy="WH-1",
        starts_at=datetime(2026, 12, day, 9, tzinfo=UTC),
        minutes=30,
        timezone="Europe/Amsterdam",
        place="Utrecht",
        capacity=1,
        booked=0,
    )
    for day in (8, 9)
]
INVITATION = Invitation(id="i", vacancy="WH-1", state="used", asked="list")


def _cases() -> list[tuple[str, str, str | None]]:
    wanted = [(SHOWN, "show"), (CHANGED, "change"), (CANCELLED, "cancel"), (DOUBTED, "show"), (LEFT, None)]
    return [(language, text, wish) for table, wish in wanted for language, text in table]


@pytest.mark.parametrize(("language", "text", "wish"), _cases())
def test_only_what_is_certain_is_done(language: str, text: str, wish: str | None) -> None:
    # Languages are known late and mixed: the same words mean the same in any conversation.
    for spoken in LANGUAGES:
        request = requested(text, spoken)
        assert (request.wish if request else None) == wish, spoken


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Good morning! When is my interview? Where is it?", True),
        ("When is my interview? What does it pay?", False),
        ("Hi, I'm Anna. When is my interview?", False),
        ("I can't come to the interview. I live in Ede now", False),
    ],
)
def test_what_else_is_said_is_left_to_the_conversation(text: str, whole: bool) -> None:
    request = requested(text, "en")
    assert request is not None
    assert request.whole is whole


def test_a_wish_is_what_the_button_does_and_with_several_bookings_each_is_shown() -> None:
    booking = Booking(id="b", invitation="i", slot=SLOTS[0])
    found = Interviews(invitations=[INVITATION], bookings=[booking], free=SLOTS[1:])
    assert [each.act for wish in Wish for each in wished(found, wish)] == ["show", "offer", "cancel"]
    # Right below the list of all free times: none of these.
    assert [each.act for each in wished(found, Wish.CHANGE, listed="list")] == ["decline"]
    two = Interviews(invitations=[INVITATION], bookings=[booking, booking], free=SLOTS[1:])
    none = Interviews(invitations=[INVITATION], bookings=[], free=SLOTS)
    for wish in Wish:
        assert [each.act for each in wished(two, wish)] == ["show", "show"]
        assert wished(none, wish) == []
