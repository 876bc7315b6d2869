"""What a person wrote themselves, cut out of mails as the clients of this world send them."""

import re
import time
from pathlib import Path
from textwrap import wrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.inbound.body import MOST_CHARACTERS, body_of
from delivery.inbound.quotes import own_words
from delivery.letters.compose import LOCALES
from tests.delivery.letters.test_compose import envelope_of, sent, text_of

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.eml"))
PLAIN_AND_PAGE = [mail for mail in CORPUS if b"text/plain" in (raw := mail.read_bytes()) and b"text/html" in raw]
GENEROUS = 5  # seconds of this process, for what takes a tenth of one; what grows with the square takes minutes

DATED = "Le lun. 30 nov. 2026 à 09:12, Ailo <bonjour@ailo.example> a écrit :"
HEADERS = (
    "De : Ailo <bonjour@ailo.example>\nEnvoyé : lundi 30 novembre 2026 09:12\nÀ : Léa\nObjet : Un nouveau message vous attend"
)
LETTER = "Bonjour Léa,\n\nUn nouveau message vous attend.\n\nAppelez le 3114. Ailo n’est pas un service d’urgence."
CLAUSE = (
    "Ce message et ses pièces jointes sont confidentiels et destinés à leurs seuls destinataires. Si vous l’avez reçu par\n"
    "erreur, merci de le détruire. Toute diffusion non autorisée est interdite."
)
SOME_LINES = [
    "Oui.", "", "- un", "--", "-- ", "---", "_" * 32, "> Bonjour", ">", "> > deux", DATED, "Le lun. 30 nov. 2026 à 09:12, Ailo <",
    "bonjour@ailo.example> a écrit :", *HEADERS.split("\n"), *LETTER.split("\n"), "Envoyé de mon iPhone", CLAUSE, "a écrit :",
    "-----Message d'origine-----", "Pensez à l’environnement", "Léa", "*" * 40, "\xa0", "\ufeff",
]  # fmt: skip


def expected(mail: Path) -> str:
    return mail.with_suffix(".txt").read_text("utf-8")


def quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 40


@pytest.mark.parametrize("mail", CORPUS, ids=lambda mail: mail.stem)
def test_an_answer_is_cut_out_of_its_mail(mail: Path) -> None:
    assert own_words(body_of(mail.read_bytes()).text) == expected(mail)


@pytest.mark.parametrize("mail", PLAIN_AND_PAGE, ids=lambda mail: mail.stem)
def test_the_page_of_a_mail_gives_the_words_of_its_plain_text(mail: Path) -> None:
    page = body_of(mail.read_bytes().replace(b"text/plain", b"text/nothing")).text
    assert own_words(page).split() == expected(mail).split()


@pytest.mark.parametrize("introduction", [
    DATED,
    "Le lun. 30 nov. 2026 à\xa009:12, Ailo <bonjour@ailo.example> a écrit\u202f:",
    "Le lun. 30 nov. 2026 à 09:12, Ailo <\nbonjour@ailo.example> a écrit :",
    "Le lun. 30 nov. 2026\nà 09:12, Ailo\n<bonjour@ailo.example> a\xa0écrit :",
    "Le 30/11/2026 à 09:12, Ailo a écrit :",
    "Le 30/11/2026 à 09:12, Ailo a écrit",
    "On Mon, Nov 30, 2026 at 9:12\u202fAM Ailo <bonjour@ailo.example>\nwrote:",
    "On 30/11/2026 09:12, Ailo wrote:",
    "Ailo <bonjour@ailo.example> a écrit le 30/11/2026 09:12 :",
    "Am Mo., 30. Nov. 2026 um 09:12 Uhr schrieb Ailo <bonjour@ailo.example>:",
    "30 nov. 2026 09:12:04 Ailo <bonjour@ailo.example>:",
    "-----Message d'origine-----",
    "-------- Message d’origine --------",
    "----- Original Message -----",
    "----- Mail original -----",
    "---------- Forwarded message ---------",
    HEADERS,
    HEADERS.replace(" :", "\xa0:"),
    f"{'_' * 32}\n{HEADERS}",
    f"-----Message d'origine-----\n{HEADERS}",
    HEADERS.replace("\n", "  "),
    "*From:* Ailo <bonjour@ailo.example>\n*Sent:* Monday, November 30, 2026 9:12 AM\n*To:* Sam\n*Subject:* A new message",
    "De :\nAilo\n\nÀ :\nlea.martin@asso.example\n\nDate :\n30/11/2026 09:12\n\nObjet :\nUn nouveau message vous attend",
])  # fmt: skip
def test_what_introduces_a_quote_goes_with_it(introduction: str) -> None:
    assert own_words(f"Oui.\n\n{introduction}\n\n{quoted(LETTER)}\n\nLéa") == "Oui.\n\nLéa"


@pytest.mark.parametrize("introduction", [DATED, HEADERS, "-----Message d'origine-----", f"{'_' * 32}\n{HEADERS}"])
def test_a_letter_that_is_quoted_without_signs_ends_where_it_ends(introduction: str) -> None:
    assert own_words(f"Oui.\n\n{introduction}\n\n{LETTER}") == "Oui."
    assert own_words(f"Oui.\n\n{introduction}\n\n{LETTER}\n\nLéa") == "Oui.\n\nLéa"
    assert own_words(f"{introduction}\n\n{LETTER}\n\nLéa") == "Léa"
    assert own_words(f"{introduction}\n\n{LETTER.replace('service d', 'service' + chr(10) + 'd')}\n\nLéa") == "Léa"


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("width", [72, 1000])
def test_the_end_of_each_letter_is_known(locale: str, width: int) -> None:
    letter = "\n".join(line for whole in text_of(sent(envelope_of("reply", locale))).split("\n") for line in wrap(whole, width))
    assert own_words(f"{HEADERS}\n\n{letter}\n\nLéa") == "Léa"


def test_what_a_person_shows_of_others_does_not_take_what_they_say_of_it() -> None:
    text = (
        "Voici ce qu’il m’écrit :\n\nDe : Paul <paul@asso.example>\nEnvoyé : lundi\nObjet : congés\n\nNon.\n\nQu’en pensez-vous ?"
    )
    assert own_words(text).endswith("Qu’en pensez-vous ?")


def test_what_stands_alone_below_an_introduction_is_kept() -> None:
    assert own_words(f"{DATED}\n\nJ’ai effacé la citation.") == "J’ai effacé la citation."


@pytest.mark.parametrize("signature", [
    "Envoyé de mon iPhone", "Envoyé de mon iPad", "Envoyé depuis mon téléphone", "Envoyé depuis mon mobile Orange",
    "Envoyé à partir de Outlook pour Android", "Envoyé à partir d’Outlook pour iOS<https://aka.ms/o0ukef>",
    "Envoyé depuis Yahoo Mail pour iPhone", "Envoyé avec la messagerie sécurisée Proton Mail.", "Sent from my iPhone",
    "Sent from Outlook for Android", "Sent with Proton Mail secure email.", "Get Outlook for iOS",
    "Get Outlook for iOS<https://aka.ms/x>", "Télécharger Outlook pour Android", "Obtenez Outlook pour iOS",
    "Envoyé à partir de Courrier pour Windows", "Provenance : Courrier pour Windows", "Sent from Mail for Windows 10",
    "Envoyé de mon appareil Samsung Galaxy", "Sent from my Android device with K-9 Mail. Please excuse my brevity.",
    "-- \nLéa Martin\n06 00 00 00 00", "--\nLéa Martin", "Garanti sans virus. www.avast.com",
    "Avant d’imprimer, pensez à l’environnement.", CLAUSE, f"{'*' * 40}\n{CLAUSE}\n{'*' * 40}",
    "Please consider the environment before printing this e-mail.",
])  # fmt: skip
def test_signatures_are_left_out(signature: str) -> None:
    assert own_words(f"Oui.\n\n{signature}") == "Oui."
    assert own_words(f"Oui.\n\n{signature}\n\n{DATED}\n\n{quoted(LETTER)}") == "Oui."
    assert own_words(signature) == ""


@pytest.mark.parametrize("text", [
    "- un\n- deux",
    "Le chef a écrit : venez.\nJe suis parti.",
    "Le chef a écrit :\nvenez.\nJe suis parti.",
    "Le 12 mars 2026 à 14:05 mon chef a écrit :\nvenez demain",
    "J’ai reçu ça de paul@asso.example, qui m’a écrit :\nvenez",
    "Un\n---\ndeux",
    "Un\n--\ndeux, avec une phrase qui finit.",
    f"Un\n{'_' * 32}\ndeux",
    "Oui.\n\nBien à vous, Léa",
    "Cordialement,\nLéa",
    "On Monday I wrote to him.\nOn Tuesday he wrote:\nno.",
    "De : 8h\nÀ : 10h\nDate : 3 mars",
    "Objet : rien\nÀ : personne",
    "Envoyé de mon lit, avec la grippe.",
    "Je l’ai\nenvoyé depuis mon téléphone\nhier soir.",
    "Envoyé depuis mon téléphone, le dossier est bien arrivé chez Paul mais pas le mien.",
    "Ce message est confidentiel entre nous, d’accord ?",
    "Mon mal de tête est\n> 5 sur 10\naujourd’hui",
    "Ah bon >:-(\n>:-( vraiment",
    "=> donc\n-> ainsi\n* voilà",
    "Original message\nc’est vite dit",
    "    for jour in semaine:\n        print(jour)",
    "Message d'origine :\nje ne sais plus",
])  # fmt: skip
def test_what_a_person_may_have_written_is_kept(text: str) -> None:
    assert own_words(text) == text
    assert own_words(f"{text}\n\n{DATED}\n\n{quoted(LETTER)}").replace("\n\n", "\n") in {
        text.replace("\n\n", "\n"),
        without_quotes(text),
    }


def without_quotes(text: str) -> str:
    """Where a mail is known to quote with signs, one line that has the sign is taken for a quote as well."""
    return re.sub(r"\n> 5.*\n", "\n", text)


@pytest.mark.parametrize(
    "text", ["", "\n \n\xa0\n", ">", "> a\n> b", f"{DATED}\n{quoted(LETTER)}", f"{HEADERS}\n\n{LETTER}", "-- \nLéa"]
)
def test_nothing_is_left_where_nothing_was_written(text: str) -> None:
    assert own_words(text) == ""


@given(st.lists(st.text("abcdéÀ ’.,!?()\t😊", max_size=30), max_size=8).map("\n".join))
def test_a_text_without_marks_is_its_own(text: str) -> None:
    lines = text.split("\n")
    said = [number for number, line in enumerate(lines) if line.strip()]
    assert own_words(text) == ("\n".join(lines[said[0] : said[-1] + 1]) if said else "")


@given(st.lists(st.sampled_from(SOME_LINES) | st.text(max_size=20), max_size=25).map("\n".join))
def test_no_line_is_invented_or_moved(text: str) -> None:
    rest = iter(text.split("\n"))
    assert all(line in rest for line in own_words(text).split("\n") if line)


@given(st.lists(st.sampled_from(["Oui.", "", "Un mot,", "Léa"]), max_size=5), st.integers(0, 5))
def test_words_around_a_quote_are_all_kept(words: list[str], place: int) -> None:
    above, below = "\n".join(words[:place]), "\n".join(words[place:])
    assert own_words(f"{above}\n{DATED}\n{quoted(LETTER)}\n{below}").split() == " ".join(words).split()


@pytest.mark.parametrize("piece", [
    " ", "\n", "-", ">", "> ", ">\n", "--\n", "--\n\n\n", "-- \n", "_", f"{'_' * 32}\n", "Le ", "On\n", "De :", "De :\n",
    "a\n\n\n", "From: a\nSent: b\nTo: c\nDate: d\n", "a écrit :\n", f"{'@' * 390} wrote:\n", f"{'<a@b' * 90} wrote:\n",
    f"{'a' * 400}crit:\n", f"Le {'3/4/2026 12:00 <a@b ' * 15} a écrit :\n", f"Envoyé de {'mail ' * 40}\n",
    f"{'Ce message ' * 30}\n", f"{'*_ ' * 150}:\n", f"{'De : ' * 80}Envoyé :\n", "Ce message confidentiel destinataire\n\n",
    f"{'a écrit ' * 50}:\n",
], ids=repr)  # fmt: skip
def test_time_grows_with_the_length_alone(piece: str) -> None:
    began = time.process_time()
    own_words(piece * (MOST_CHARACTERS // 16 // len(piece)))
    assert time.process_time() - began < GENEROUS
