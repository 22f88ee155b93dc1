"""A few words of a good model in each language; what is said besides comes from the step it words."""

# Before the question, to show that the candidate was heard. Nothing that promises, judges or thanks twice.
LEAD = {
    "en": "Good, I have noted that.",
    "nl": "Goed, dat heb ik genoteerd.",
    "de": "Gut, das ist notiert.",
    "pl": "Dobrze, zapisane.",
    "es": "Bien, queda anotado.",
    "ro": "Bine, am notat.",
    "uk": "Добре, записано.",
    "ar": "حسنا، تم تسجيل ذلك.",
}
