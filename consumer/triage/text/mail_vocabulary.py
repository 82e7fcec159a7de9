"""The words that mail programs write around an earlier mail, and people at the end of theirs, in several languages."""

from __future__ import annotations

import re
from typing import Final


def _any_of(words: str) -> str:
    """Returns a pattern for any of the words, which are separated by `|` or by line breaks."""
    return "|".join(line.strip() for line in words.splitlines())


WROTE: Final = re.compile(
    r"\b(?:wrote|schrieb|a écrit|escribió|schreef|geschreven|ha scritto|escreveu|skrev|kirjoitti|napsal|napisał(?=\b))"
    r"(?:\(a\))?(?!\w)"
)
_MONTHS: Final = _any_of(
    """jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec
    januar|februar|märz|mär|mai|juni|juli|okt|dez|januari|februari|maart|mei|december|january|february|march|april|june
    july|august|september|october|november|janv|févr|fév|mars|avr|juin|juil|août|déc|janvier|février|avril|juillet
    septembre|octobre|novembre|décembre|ene|abr|ago|dic|enero|febrero|marzo|mayo|junio|julio|agosto|septiembre|octubre
    noviembre|diciembre|gen|mag|giu|lug|set|ott|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre
    novembre|dicembre|fev|out|dez|janeiro|fevereiro|março|abril|maio|junho|julho|setembro|outubro|novembro|dezembro
    maj|sty|lut|kwi|cze|lip|sie|wrz|paź|lis|gru|sept|oktober|dezember"""
)
DATE: Final = re.compile(
    rf"\b\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}\b|\b(?:19|20)\d\d-\d\d?-\d\d?\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th|\.|º)?(?: de)? (?:{_MONTHS})\b|\b(?:{_MONTHS})\.? \d{{1,2}}(?:st|nd|rd|th)?\b",
    re.IGNORECASE,
)
ADDRESS: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# A writer that is no person: "the export service wrote", "schrieb der Exportdienst".
THING: Final = re.compile(
    r"\b(?:the|our|your|its|an?|le|la|les|notre|votre|el|los|las|nuestro|il|lo|het)\s+[\w -]{1,60}\s+"
    r"(?:wrote|a écrit|escribió|schreef|ha scritto)"
    r"|(?:schrieb|schreef|escreveu|skrev)\s+(?:der|die|das|unser|unsere|ihr|ihre|de|het|onze|o|a|den|det)\s"
)

_FORWARDED: Final = _any_of(
    r"""forwarded message|weitergeleitete (?:nachricht|e-mail)|message transféré|message réexpédié|mensaje reenviado
    doorgestuurd bericht|messaggio inoltrato|mensagem (?:encaminhada|reencaminhada)|vidarebefordrat meddelande
    videresendt (?:besked|melding)|przekazana wiadomość"""
)
FORWARDED: Final = re.compile(
    rf"-{{2,}} ?(?:{_FORWARDED}).{{0,20}}-{{2,}}"
    rf"|(?:begin |anfang der |début du |inicio del |inizio del |início da )?(?:{_FORWARDED}) ?:",
    re.IGNORECASE,
)
ORIGINAL: Final = re.compile(
    r"-{2,} ?(?:original (?:message|appointment)|ursprüngliche nachricht|message d'origine|mensaje original"
    r"|oorspronkelijk bericht|messaggio originale|mensagem original|ursprungligt meddelande|oprindelig meddelelse)"
    r" ?-{2,}",
    re.IGNORECASE,
)
# What helpdesks write above the mail that they send out.
REPLY_ABOVE: Final = re.compile(r"##- ?.{5,120} ?-##|-{2,} ?(?:please )?reply above this line ?-{2,}", re.IGNORECASE)
# The sender points at the earlier mail, passes it on, or has answered inside of it: it must stay.
POINTS_BELOW: Final = re.compile(
    _any_of(
        r"""\b(?:below|beneath|underneath|in-?line|fyi|forward(?:ing|ed)?|fwd|passing (?:this|it) on)\b
        \bthis (?:one|mail|e-mail|message|alert|thread)\b|\b(?:my|our) (?:answers|comments?|replies|remarks|notes)\b
        \b(?:meine|unsere) (?:antworten|kommentare|anmerkungen)\b|\b(?:mes|nos) (?:réponses|commentaires|remarques)\b
        \b(?:mis|nuestras) respuestas\b|\b(?:mijn|onze) (?:antwoorden|opmerkingen)\b|\ble (?:mie|nostre) risposte\b
        \bbetween (?:the|your) (?:lines|questions)\b|\bin (?:red|blue|green|bold|colour|color)\b
        \b(?:unten|untenstehend\w*|nachstehend\w*|anbei die mail|weitergeleitet|weiterleit\w+|leite)\b
        \bzur (?:info|kenntnis|information)\b|\bz\. ?k\.|\bin (?:rot|blau|grün|fett)\b|\bim text\b
        \b(?:ci-dessous|ci-après|transfère|transmets)\b|\bpour info|\ben (?:rouge|bleu|vert|gras)\b
        \b(?:abajo|a continuación|reenv\w+)\b|\ben (?:rojo|azul|verde)\b
        \b(?:hieronder|onderstaand\w*|doorgestuurd|ter info)\b|\bstuur .{1,20} door\b|\bin (?:rood|blauw|groen)\b
        \b(?:qui sotto|di seguito|inoltro|abaixo|encaminh\w+|nedan|nedenfor|poniżej)\b"""
    ),
    re.IGNORECASE,
)

_STARRED: Final = r"\*?(?:{names})\s?:\*?\s*(.*)"


def _head(names: str) -> re.Pattern[str]:
    return re.compile(_STARRED.format(names=names), re.IGNORECASE)


HEAD_FROM: Final = _head("from|von|de|van|da|från|fra|od")
HEAD_SENT: Final = _head(
    "sent|date|gesendet|datum|envoyé|enviado(?: el| em)?|fecha|verzonden|inviato|data|skickat|sendt|dato|wysłano"
)
HEAD_SUBJECT: Final = _head("subject|betreff|objet|asunto|onderwerp|oggetto|assunto|ämne|emne|temat")
HEAD_OTHER: Final = _head(
    "to|cc|bcc|an|kopie|à|para|aan|a|till|til|do|dw|importance|priority|wichtigkeit|attachments?|anlagen?|anhänge"
    "|pièces jointes|importancia|bijlagen?|reply-to|antwort an"
)
# Any other line of the kind is from a mail's source, which nobody quotes by replying.
HEAD_OF_SOURCE: Final = re.compile(
    r"(?:x-[\w-]+|message-id|received|return-path|mime-version|content-[\w-]+|dkim-[\w-]+|arc-[\w-]+|references"
    r"|in-reply-to|delivered-to|authentication-results|user-agent|list-[\w-]+):",
    re.IGNORECASE,
)
_REPLIES: Final = r"(?:re|aw|sv|antw|rif|odp|vs)\s*(?:\[\d+\])?\s*:"
REPLY_SUBJECT: Final = re.compile(rf"\s*(?:\[[^\[\]]*\]\s*)*{_REPLIES}", re.IGNORECASE)
SUBJECT_PREFIXES: Final = re.compile(rf"\[[^\[\]]*\]|\b(?:{_REPLIES}|(?:fwd?|wg|tr|rv|enc|doorst)\s*:)", re.IGNORECASE)

_CLOSINGS: Final = _any_of(
    r"""(?:with )?(?:thanks (?:and|&) )?(?:(?:best|kind|kindest|warm|many) )?regards|(?:all |with )?best wishes
    yours (?:sincerely|truly|faithfully)|sincerely(?: yours)?
    (?:mit )?(?:freundlichen|besten|vielen|herzlichen|lieben) grüßen|(?:mit )?freundlichem gruß
    (?:viele|beste|liebe|herzliche|schöne|freundliche) grüße|(?:bien )?cordialement|bien à vous|salutations
    (?:un |muchos |cordiales )?saludos?(?: cordiales)?|atentamente|(?:met )?(?:vriendelijke|hartelijke) groet(?:en)?
    (?:cordiali|distinti) saluti|atenciosamente|(?:com os )?melhores cumprimentos|(?:med )?vänliga? hälsning(?:ar)?
    med venlig hilsen|pozdrawiam|z poważaniem"""
)
CLOSING: Final = re.compile(rf"(?:{_CLOSINGS})", re.IGNORECASE)
# Words that also mean something else: they count at the beginning of a paragraph, above a name.
WEAK_CLOSING: Final = re.compile(
    _any_of(
        r"""thanks(?: again| a lot| so much| in advance)?|many thanks|thank you(?: very much| in advance)?|cheers|best
        yours|thx|br|rgds|kr|gruß|grüße|mfg|vg|lg|danke|vielen dank|merci(?: d'avance)?|gracias|groet(?:en)?|bedankt
        mvg|grazie|obrigad[oa]|tack|mvh|hälsningar|hilsen"""
    ),
    re.IGNORECASE,
)
_DEVICES: Final = (
    r"(?:i?phone|i?pad|android|samsung|galaxy|pixel|huawei|xiaomi|oneplus|nokia|motorola|blackberry|smartphone|tablet"
    r"|mobile|handy|phone|device|gerät|mobil\w*|téléphone|teléfono|móvil|telefoon|outlook|mail|yahoo|gmail|proton|aol"
    r"|windows|ios|for|on|pour|para|voor|für|auf|sur|5g|4g|my|web|email|app|ultra|pro|max|plus|mini|fold|note|[\w]?\d{1,2})"
)
FOOTER: Final = re.compile(
    rf"(?:sent (?:from|with|via)(?: my)?|get|gesendet (?:von|mit)(?: meinem)?|envoyé (?:de|depuis)(?: mon)?"
    rf"|enviado (?:desde|do)(?: mi| meu)?|verzonden vanaf(?: mijn)?|verstuurd vanaf(?: mijn)?|inviato da(?:l mio)?"
    rf"|skickat från(?: min)?|von meinem)(?: {_DEVICES}(?:mail)?)+(?: gesendet)?[.]?(?:\s?<https?://\S+>)?",
    re.IGNORECASE,
)
DISCLAIMER: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:e-?mails?|message|nachricht|messaggio|mensaje|bericht|courriel|transmission)\b",
        r"\b(?:confidential\w*|privileged|vertraulich\w*|confidentiel\w*|confidencial\w*|vertrouwelijk\w*|riservat\w+)\b",
        r"\b(?:recipients?|addressees?|empfänger\w*|destinataires?|destinatarios?|geadresseerde\w*|ontvanger)\b",
        r"\b(?:delete|notify|unauthori[sz]ed|löschen|vernichten|détrui\w+|supprim\w+|elimin\w+|verwijder\w*|cancell\w+)\b",
    )
)
ROLE: Final = re.compile(
    r"(?:head|director|manager|engineer|administrator|admin|officer|developer|analyst|consultant|assistant|team|lead"
    r"|senior|junior|chief|support|leiter\w*|geschäftsführ\w+|entwickler\w*|sachbearbeiter\w*|responsable|directeur"
    r"|directrice|ingénieur\w*|jefe|director\w*|técnico|hoofd|medewerker|beheerder|responsabile|gerente)",
    re.IGNORECASE,
)
# Whoever signs so is no person: a log or a machine's mail is shown.
MACHINE: Final = re.compile(
    r"\b(?:root|daemon|cron|no-?reply|postmaster|mailer|monitor|alerts?|bot|system|service|server)\b", re.IGNORECASE
)
CONTACT_LABEL: Final = re.compile(
    r"\b(?:t|m|f|e|w|tel|tél|telefon|telefoon|teléfono|phone|ph|mobile|mobil|mob|cell|office|fax|e-?mail|mail|web|www"
    r"|direct|skype|linkedin|durchwahl)\b\s?[.:]{0,2}\s?:?(?=\s|$|\+|\()",
    re.IGNORECASE,
)
PHONE: Final = re.compile(r"(?<![\w.-])(?:\+|\(?0)[\d()/ .-]{6,}\d(?![\w.-]*\w)")
SITE: Final = re.compile(
    r"<?(?:https?://)?(?:www\.[\w.-]+|(?:[\w-]+\.)?(?:linkedin|xing|facebook|twitter|x)\.\w+/[\w/-]+"
    r"|(?<=//)[\w.-]+)/?>?(?=\s|$)",
    re.IGNORECASE,
)
# A street, or a postal code: of Britain, or before a town.
STREET: Final = re.compile(
    _any_of(
        r"""\b(?:street|st|road|rd|lane|avenue|ave|drive|square|suite|floor|box|rue|calle|via|plaza|platz|weg|laan|plein)\b
        \w(?:stra(?:ß|ss)e|str\.|straat|weg|laan|gatan|gade|vej|platz)(?!\w)
        \b[A-Z]{1,2}\d{1,2}[A-Z]? \d[A-Z]{2}\b|^(?:[A-Z]{1,2}-)?\d{4,5} [A-Z]"""
    ),
    re.IGNORECASE,
)
GREETING: Final = re.compile(
    r"(?:dear|hello|hi|hey|good (?:morning|afternoon|evening)|guten (?:tag|morgen)|hallo|moin|sehr geehrte[rn]?"
    r"|liebe[rn]?|bonjour|bonsoir|cher|chère|hola|buenos días|buenas tardes|estimad[oa]s?|beste|geachte"
    r"|buongiorno|gentile|olá|bom dia|prezad[oa]s?|hej|hei|dzień dobry)\b[^?!.:;]{0,60}[,!.]?",
    re.IGNORECASE,
)
