"""In the large European languages too, one mark alone cuts nothing: not a head, not a greeting, not a device's name."""

from __future__ import annotations

import pytest

from spanstream.consumer.triage.text.ticket_text import document_text
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Ticket

INTRODUCTIONS = {
    "de": "Am 12.03.2024 um 10:15 schrieb Marta Kern <m@example.org>:\n",
    "fr": "Le 12/03/2024 à 10:15, Marta Kern <m@example.org> a écrit :\n",
    "es": "El mar, 12 mar 2024 a las 10:15, Marta Kern (<m@example.org>) escribió:\n",
    "it": "Il giorno mar 12 mar 2024 alle ore 10:15 Marta Kern <m@example.org> ha scritto:\n",
    "nl": "Op 12 mrt. 2024, om 10:15 heeft Marta Kern <m@example.org> het volgende geschreven:\n",
    "pl": "W dniu 12.03.2024 o 10:15, Marta Kern <m@example.org> pisze:\n",
    "pt": "Em ter., 12 de mar. de 2024 às 10:15, Marta Kern <m@example.org> escreveu:\n",
    "sv": "Den tis 12 mars 2024 kl 10:15 skrev Marta Kern <m@example.org>:\n",
}
CLOSINGS = {
    "de": ("Mit freundlichen Grüßen", "Freundliche Grüsse", "Vielen Dank im Voraus"),
    "fr": ("Bien cordialement", "Sincères salutations", "Bonne journée"),
    "es": ("Un cordial saludo", "Gracias de antemano y saludos", "Atentamente"),
    "it": ("Cordiali saluti", "Grazie mille", "Un caro saluto"),
    "nl": ("Met vriendelijke groet", "Alvast bedankt", "Groetjes"),
    "pl": ("Pozdrawiam serdecznie", "Z poważaniem", "Z wyrazami szacunku"),
    "pt": ("Com os melhores cumprimentos", "Abraços", "Att"),
    "sv": ("Med vänliga hälsningar", "Vänligen", "Tack på förhand"),
}
FOOTERS = {
    "de": "Von meinem iPhone gesendet",
    "fr": "Envoyé depuis mon téléphone Android",
    "es": "Enviado desde mi iPhone",
    "it": "Inviato da iPhone",
    "nl": "Verstuurd vanaf mijn iPhone",
    "pl": "Wysłane z iPhone'a",
    "pt": "Enviado do meu iPhone",
    "sv": "Skickat från min iPhone",
}
EACH_CLOSING = [closing for closings in CLOSINGS.values() for closing in closings]
STOPS = "FXP-4107, 7.4.2\n"


def text_of(body: str, subject: str = "Export") -> str:
    text = document_text(Ticket(ticket_id="t", subject=subject, body=body), Limits()).text
    return text.removeprefix(f"{subject}\n\n")


@pytest.mark.parametrize("introduction", INTRODUCTIONS.values(), ids=INTRODUCTIONS)
def test_a_marked_mail_below_its_introduction_is_cut(introduction: str) -> None:
    assert text_of(f"{STOPS}\n{introduction}> ...?\n") == f"{STOPS}\n"


@pytest.mark.parametrize("introduction", INTRODUCTIONS.values(), ids=INTRODUCTIONS)
def test_an_introduction_alone_cuts_nothing(introduction: str) -> None:
    for body in (
        f"{STOPS}\n{introduction}02:14:07 ERROR FXP-4107\n02:14:08 INFO end\n",
        f"{STOPS}:\n{introduction}> ...?\n",
        f"{STOPS}\n{introduction}> a\nok\n> b\n",
    ):
        assert text_of(body) == body


@pytest.mark.parametrize("closing", EACH_CLOSING)
def test_a_closing_above_a_name_is_cut(closing: str) -> None:
    assert text_of(f"{STOPS}\n{closing},\nMarta Kern\n") == f"{STOPS}\n"


@pytest.mark.parametrize("closing", EACH_CLOSING)
@pytest.mark.parametrize(
    "below", ["FXP-4107 disk E:\\ full\n", "Name: Marta\nRole: Reader\n", "Marta Kern\nKP-90 config missing?\n"]
)
def test_a_closing_above_what_is_no_signature_stays(closing: str, below: str) -> None:
    body = f"{STOPS}\n{closing}\n{below}"
    assert text_of(body) == body


@pytest.mark.parametrize("footer", FOOTERS.values(), ids=FOOTERS)
def test_a_devices_line_is_cut_at_the_end_and_stays_in_a_sentence(footer: str) -> None:
    assert text_of(f"{STOPS}\n{footer}\n") == f"{STOPS}\n"
    for body in (f"{STOPS}\n{footer}: FXP-4107\n", f"{footer}\n{STOPS}"):
        assert text_of(body) == body
