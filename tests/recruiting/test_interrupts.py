"""What is heard at any stage, in eight languages: the words of candidates, not of manuals."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

import pytest

from app.recruiting.interrupts import Intent, in_messages, in_text
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.messages import InboundMessage, Kind
from app.recruiting.phrases import phrases

SAID = {
    Intent.STOP: {
        "en": ["STOP", "stop!", "Stop, please", "please stop messaging me", "Unsubscribe", "don't text me anymore",
               "leave me alone", "I don't want this. Stop.", "no more messages please", "stop sending me messages"],
        "nl": ["stop", "Stop maar", "stop met appen", "stuur mij geen berichten meer", "laat me met rust", "afmelden",
               "ik wil geen contact meer"],
        "de": ["Stopp", "Bitte keine Nachrichten mehr", "Lassen Sie mich in Ruhe", "schreiben Sie mir nicht mehr",
               "abmelden", "Hören Sie auf mir zu schreiben"],
        "pl": ["stop", "proszę nie pisać do mnie", "nie piszcie do mnie więcej", "daj mi spokój", "wypisz mnie",
               "przestańcie do mnie pisać"],
        "es": ["stop", "baja", "no me escribáis más", "deja de enviarme mensajes", "no quiero más mensajes",
               "quiero darme de baja", "déjame en paz"],
        "ro": ["stop", "nu îmi mai scrieți", "nu-mi mai trimiteți mesaje", "lăsați-mă în pace", "nu mai vreau mesaje",
               "dezabonare"],
        "uk": ["стоп", "не пишіть мені", "більше не пишіть", "відписатися", "дайте мені спокій",
               "припиніть надсилати повідомлення"],
        "ar": ["توقف", "لا ترسلوا لي رسائل", "توقفوا عن مراسلتي", "لا أريد رسائل", "إلغاء الاشتراك", "اتركوني"],
    },
    Intent.START: {
        "en": ["start", "START!"], "nl": ["start", "doorgaan"], "de": ["Start", "weiter"], "pl": ["start", "zacznij"],
        "es": ["empezar", "EMPEZAR"], "ro": ["start", "începe"], "uk": ["старт", "почати"], "ar": ["ابدأ", "إبدأ"],
    },
    Intent.HUMAN: {
        "en": ["HUMAN", "I want to talk to a person", "can I speak with a real human please", "a human please",
               "can someone call me", "Please call me Monday", "call me back", "Call Me Please", "I want a human, not a bot"],
        "nl": ["mens", "ik wil een mens spreken", "kan ik iemand spreken", "mag ik met een medewerker praten",
               "bel me even", "een echt persoon graag"],
        "de": ["MENSCH", "Ich möchte mit einem Menschen sprechen", "kann ich mit jemandem reden",
               "bitte einen echten Menschen", "Rufen Sie mich an"],
        "pl": ["człowiek", "chcę rozmawiać z człowiekiem", "czy mogę porozmawiać z kimś", "poproszę o rozmowę z człowiekiem",
               "proszę zadzwonić"],
        "es": ["persona", "quiero hablar con una persona", "puedo hablar con alguien", "prefiero un humano", "llámame"],
        "ro": ["om", "vreau să vorbesc cu un om", "pot vorbi cu cineva", "sunați-mă", "aș vrea să discut cu o persoană reală"],
        "uk": ["людина", "хочу поговорити з людиною", "можна поговорити з кимось", "потрібен оператор", "зателефонуйте мені"],
        "ar": ["إنسان", "أريد التحدث مع إنسان", "اريد التكلم مع موظف", "هل يمكنني التحدث مع شخص", "اتصلوا بي"],
    },
    Intent.DELETE: {
        "en": ["delete my data", "DELETE", "please erase all my information", "I want you to remove my profile", "forget me"],
        "nl": ["verwijder mijn gegevens", "WISSEN", "kun je mijn gegevens wissen", "vergeet mij"],
        "de": ["LÖSCHEN", "bitte löschen Sie meine Daten", "meine Daten löschen", "Daten bitte entfernen"],
        "pl": ["usuń moje dane", "USUŃ", "proszę o usunięcie moich danych", "proszę skasować moje dane"],
        "es": ["borrar", "borra mis datos", "eliminad mis datos", "quiero que borren toda mi información"],
        "ro": ["ștergeți datele mele", "șterge", "vreau să ștergeți datele mele", "sterge datele mele"],
        "uk": ["видалити", "видаліть мої дані", "прошу видалити мою інформацію", "зітріть мої дані"],
        "ar": ["حذف", "احذفوا بياناتي", "أريد حذف بياناتي", "امسح معلوماتي"],
    },
    Intent.BOT: {
        "en": ["are you a bot?", "am I talking to a robot", "is this a real person?", "are you human?"],
        "nl": ["ben je een bot?", "praat ik met een robot?", "ben jij een mens?"],
        "de": ["Sind Sie ein Bot?", "bist du ein Roboter", "spreche ich mit einem Menschen?"],
        "pl": ["czy jesteś botem?", "czy rozmawiam z robotem", "czy to bot?"],
        "es": ["¿eres un bot?", "¿hablo con una máquina?", "eres humano?"],
        "ro": ["ești robot?", "vorbesc cu un robot?", "sunteți un om real?"],
        "uk": ["ти бот?", "я спілкуюся з роботом?", "ви людина?"],
        "ar": ["هل أنت روبوت؟", "هل أتحدث مع إنسان؟", "أنت بوت؟"],
    },
    Intent.ABOUT_ME: {
        "en": ["what do you know about me?", "what data do you have about me", "show me my data"],
        "nl": ["wat weet je over mij?", "welke gegevens hebben jullie van mij"],
        "de": ["Was wissen Sie über mich?", "welche Daten haben Sie gespeichert"],
        "pl": ["co o mnie wiesz?", "jakie dane o mnie macie"],
        "es": ["¿qué sabes de mí?", "qué datos tenéis sobre mí"],
        "ro": ["ce știți despre mine?", "ce date aveți despre mine"],
        "uk": ["що ви знаєте про мене?", "які дані ви маєте про мене"],
        "ar": ["ماذا تعرف عني؟", "ما المعلومات التي لديكم عني"],
    },
    Intent.DANGER: {
        "en": ["I want to kill myself", "my boss took my passport"], "nl": ["ik wil niet meer leven", "ze hebben mijn paspoort afgepakt"],
        "de": ["ich will nicht mehr leben", "mein Chef hat mir den Pass weggenommen"], "pl": ["nie chcę już żyć", "szef zabrał mi paszport"],
        "es": ["no quiero seguir viviendo", "me quitaron el pasaporte y mi jefe tiene mi pasaporte"], "ro": ["vreau să mor", "mi-au luat pașaportul"],
        "uk": ["не хочу жити", "забрали мій паспорт"], "ar": ["أريد أن أموت", "أخذوا جواز سفري"],
    },
    Intent.MINOR: {
        "en": ["I am 16 years old", "I'm 15"], "nl": ["ik ben 16 jaar", "ik ben 15"], "de": ["Ich bin 16 Jahre alt", "ich bin 17"],
        "pl": ["mam 16 lat"], "es": ["tengo 16 años"], "ro": ["am 16 ani"], "uk": ["мені 16 років"], "ar": ["عمري 16 سنة"],
    },
    Intent.SENSITIVE: {
        "en": ["I am pregnant"], "nl": ["ik ben zwanger"], "de": ["Ich bin schwanger"], "pl": ["jestem w ciąży"],
        "es": ["estoy embarazada"], "ro": ["sunt însărcinată"], "uk": ["я вагітна"], "ar": ["أنا حامل"],
    },
    Intent.COMPLAINT: {
        "en": ["I want to complain"], "nl": ["ik heb een klacht"], "de": ["Ich möchte mich beschweren"],
        "pl": ["chcę złożyć skargę"], "es": ["quiero poner una queja"], "ro": ["vreau să fac o plângere"],
        "uk": ["хочу подати скаргу"], "ar": ["أريد تقديم شكوى"],
    },
    Intent.YES: {
        "en": ["yes", "Yes, that's fine", "ok", "I agree"], "nl": ["ja", "ja hoor", "prima", "akkoord"], "de": ["ja", "Ja, gerne", "einverstanden"],
        "pl": ["tak", "tak, zgadzam się", "zgoda"], "es": ["sí", "si", "vale", "de acuerdo"], "ro": ["da", "sunt de acord", "bine"],
        "uk": ["так", "згоден", "згодна"], "ar": ["نعم", "موافق", "أوافق"],
    },
    Intent.NO: {
        "en": ["no", "No thanks", "I don't agree"], "nl": ["nee", "liever niet"], "de": ["nein", "Nein danke"], "pl": ["nie", "nie zgadzam się"],
        "es": ["no", "no gracias"], "ro": ["nu", "nu, mulțumesc"], "uk": ["ні", "не згоден"], "ar": ["لا", "لا شكرا"],
    },
}  # fmt: skip

NOT_SAID = {
    Intent.STOP: [
        "don't stop calling me", "I can work non stop", "I worked non-stop for years", "I want to stop working nights",
        "I get off at the bus stop near the mall", "I drive, stop, unload, drive on", "ik stop met roken", "ik werk non-stop",
        "Ich wohne an der Haltestelle", "nie przestałem szukać pracy", "no puedo parar de trabajar", "він зупиняється в Києві",
        "Ich möchte nicht aufhören zu arbeiten", "when does the bus stop?", "لا أتوقف عن العمل",
    ],
    Intent.HUMAN: [
        "I want to work in human resources", "I am a people person", "ik werk graag met mensen", "Ich arbeite gern mit Menschen",
        "lubię pracę z ludźmi", "soy buena persona", "îmi place să lucrez cu oameni", "Mitarbeiter im Lager", "operator wózka",
        "my mates call me Ziggy", "you can call me Ziggy", "everyone calls me Al but mum will call me Albert",
    ],
    Intent.DELETE: ["don't delete my data", "I worked in data entry"],
    Intent.MINOR: [
        "I have 16 years of experience", "tengo 16 años de experiencia", "mam 16 lat doświadczenia", "I am 35 years old",
        "ik heb 16 jaar ervaring", "am 16 ani de experiență", "ich habe 16 Jahre Erfahrung",
    ],
    Intent.SENSITIVE: ["I speak German", "driver with B licence"],
    Intent.BOT: ["I operate a robot arm", "Ich bin Mensch genug"],
    Intent.DANGER: ["I have a passport", "mam paszport", "ich habe einen Pass"],
}  # fmt: skip


def intents(text: str, language: str) -> set[Intent]:
    return {intent for intent, _ in in_text(text, language)}


@pytest.mark.parametrize(
    ("intent", "language", "text"),
    [(intent, language, text) for intent, by in SAID.items() for language, texts in by.items() for text in texts],
)
def test_heard_in_the_conversations_language_and_before_it_is_known(intent: Intent, language: str, text: str) -> None:
    assert intent in intents(text, language)
    if intent not in {Intent.YES, Intent.NO}:  # short words may mean the opposite in another language
        assert intent in intents(text, "en")


@pytest.mark.parametrize(("intent", "text"), [(intent, text) for intent, texts in NOT_SAID.items() for text in texts])
def test_ordinary_sentences_are_not_mistaken_for_it(intent: Intent, text: str) -> None:
    for language in LANGUAGES:
        assert intent not in intents(text, language), language


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("key", "intent"),
    [("open", Intent.HUMAN), ("bot", Intent.HUMAN), ("sensitive", Intent.HUMAN), ("please_write", Intent.HUMAN),
     ("known", Intent.DELETE), ("stopped", Intent.START), ("declined", Intent.START)],
)  # fmt: skip
def test_every_word_that_we_tell_people_to_write_is_understood(language: str, key: str, intent: Intent) -> None:
    told = [word.strip(".:;,!؟،") for word in phrases(language).texts[key].split()]
    heard = {found for word in told for found in intents(word, language)}
    assert intent in heard


@pytest.mark.parametrize("language", LANGUAGES)
def test_consent_text_names_ways_out_that_work(language: str) -> None:
    told = [word.strip(".:;,!؟،") for word in phrases(language).texts["consent"].split()]
    heard = {found for word in told for found in intents(word, language)}
    assert {Intent.STOP, Intent.DELETE} <= heard


def tap(choice_id: str, title: str) -> InboundMessage:
    return InboundMessage(message_id="m1", sent_at=1.0, kind=Kind.CHOICE, text=title, choice_id=choice_id)


def test_a_tap_is_read_by_its_id_and_its_title_is_not() -> None:
    assert [n.intent for n in in_messages([tap("v1:intake:consent:no", "No")], "en")] == [Intent.NO]
    assert in_messages([tap("v1:intake:availability:now", "stop")], "en") == []


def test_a_quote_is_the_candidates_own_words() -> None:
    said = "Hi! Please STOP messaging me, thanks"
    assert dict(in_text(said, "en"))[Intent.STOP] in said
