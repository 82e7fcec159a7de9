"""The words that mail programs write around an earlier mail, and people at the end of theirs, in several languages."""

from __future__ import annotations

import re
from typing import Final


def _any_of(words: str) -> str:
    """Returns a pattern for any of the words, which are separated by `|` or by line breaks."""
    return "|".join(line.strip() for line in words.splitlines())


WROTE: Final = re.compile(
    r"\b(?:wrote|schrieb|a écrit|escribió|schreef|geschreven|ha scritto|escreveu|skrev|kirjoitti|napsal|napisał(?=\b)"
    r"|pisze|napisan[ae] przez)(?:\(a\))?(?!\w)"
)
_MONTHS: Final = _any_of(
    """jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec
    januar|februar|märz|mär|mai|juni|juli|okt|dez|januari|februari|maart|mei|december|january|february|march|april|june
    july|august|september|october|november|janv|févr|fév|mars|avr|juin|juil|août|déc|janvier|février|avril|juillet
    septembre|octobre|novembre|décembre|ene|abr|ago|dic|enero|febrero|marzo|mayo|junio|julio|agosto|septiembre|octubre
    noviembre|diciembre|gen|mag|giu|lug|set|ott|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre
    novembre|dicembre|fev|out|dez|janeiro|fevereiro|março|abril|maio|junho|julho|setembro|outubro|novembro|dezembro
    maj|sty|lut|kwi|cze|lip|sie|wrz|paź|lis|gru|sept|oktober|dezember|mrt|augustus|augusti|stycznia|lutego|marca
    kwietnia|maja|czerwca|lipca|sierpnia|września|października|listopada|grudnia"""
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
    r"|\bos?\s+[\w -]{1,60}\s+escreveu"
    r"|(?:schrieb|schreef|escreveu|skrev)\s+(?:der|die|das|unser|unsere|ihr|ihre|de|het|onze|o|a|den|det)\s"
)

_FORWARDED: Final = _any_of(
    r"""forwarded message|weitergeleitete (?:nachricht|e-mail)|message transféré|message réexpédié|mensaje reenviado
    doorgestuurd bericht|messaggio inoltrato|mensagem (?:encaminhada|reencaminhada)|vidarebefordrat meddelande
    videresendt (?:besked|melding)|vidarebefordrat brev|przekazana wiadomość|wiadomość przekazana
    (?:treść )?przekaz(?:ywa)?nej wiadomości"""
)
FORWARDED: Final = re.compile(
    rf"-{{2,}} ?(?:{_FORWARDED}).{{0,20}}-{{2,}}"
    rf"|(?:begin |anfang der |début du |inicio del |inizio (?:del )?|início da |początek )?(?:{_FORWARDED}) ?:",
    re.IGNORECASE,
)
ORIGINAL: Final = re.compile(
    r"-{2,} ?(?:original (?:message|appointment)|ursprüngliche nachricht|message d'origine|mensaje original"
    r"|message original|oorspronkelijk bericht|messaggio originale|mensagem original|ursprungligt meddelande"
    r"|oprindelig meddelelse|wiadomość oryginalna|oryginalna wiadomość)"
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
        \b(?:qui sotto|più sotto|in calce|di seguito|inoltr\w+|abaixo|encaminh\w+|reencaminh\w+|minhas respostas)\b
        \b(?:nedan|nedanför|nedenfor|vidarebefordra\w*|mina svar|poniżej|przekazuję|przesyłam dalej|moje odpowiedzi)\b
        \bin rosso\b|\bem vermelho\b|\bi rött\b|\bna czerwono\b|\bdo wiadomości\b|\bper conoscenza\b"""
    ),
    re.IGNORECASE,
)

_STARRED: Final = r"\*?(?:{names})\s?:\*?\s*(.*)"


def _head(names: str) -> re.Pattern[str]:
    return re.compile(_STARRED.format(names=names), re.IGNORECASE)


HEAD_FROM: Final = _head("from|von|de|van|da|från|fra|od")
HEAD_SENT: Final = _head(
    "sent|date|gesendet|datum|envoyé|enviad[oa](?: el| em)?|fecha|verzonden|inviato|data|skickat|sendt|dato|wysłano"
)
HEAD_SUBJECT: Final = _head("subject|betreff|objet|asunto|onderwerp|oggetto|assunto|ämne|emne|temat")
HEAD_OTHER: Final = _head(
    "to|cc|bcc|an|kopie|à|para|aan|a|till|til|do|dw|importance|priority|wichtigkeit|attachments?|anlagen?|anhänge"
    "|pièces jointes|importancia|bijlagen?|reply-to|antwort an|kopia|udw|cco|priorit(?:à|eit)|prioridade?|prioritet"
    "|ważność|allegat[io]|(?:datos )?adjuntos?|anexos?|bilag(?:a|or)|załączniki?"
)
# Any other line of the kind is from a mail's source, which nobody quotes by replying.
HEAD_OF_SOURCE: Final = re.compile(
    r"(?:x-[\w-]+|message-id|received|return-path|mime-version|content-[\w-]+|dkim-[\w-]+|arc-[\w-]+|references"
    r"|in-reply-to|delivered-to|authentication-results|user-agent|list-[\w-]+):",
    re.IGNORECASE,
)
_REPLIES: Final = r"(?:re|aw|sv|antw|rif|r|res|odp|vs)\s*(?:\[\d+\])?\s*:"
REPLY_SUBJECT: Final = re.compile(rf"\s*(?:\[[^\[\]]*\]\s*)*{_REPLIES}", re.IGNORECASE)
SUBJECT_PREFIXES: Final = re.compile(
    rf"\[[^\[\]]*\]|\b(?:{_REPLIES}|(?:fwd?|wg|tr|rv|i|enc|doorst|pd|vb)\s*:)", re.IGNORECASE
)

_GRUSS: Final = r"(?:freundliche|beste|viele|herzliche|liebe|schöne)n? gr(?:ü|ue)(?:ß|ss)en?(?: aus (?:de[mr] )?\w+)?"
_SALUDO: Final = r"(?:(?:un|muchos|cordiales|atentos) )?(?:cordial |atento |afectuoso )?saludos?(?: cordiales)?"
_CLOSINGS: Final = _any_of(
    rf"""(?:with )?(?:thanks (?:and|&) )?(?:(?:best|kind|kindest|warm|many) )?regards|(?:all |with )?best wishes
    yours (?:sincerely|truly|faithfully)|sincerely(?: yours)?
    (?:(?:vielen|besten|herzlichen) dank(?: im voraus)? und )?(?:mit )?(?:{_GRUSS})
    (?:mit )?(?:freundlichem|bestem|herzlichem) gru(?:ß|ss)
    hochachtungsvoll|(?:bien |très )?cordialement|bien à vous|respectueusement
    (?:(?:mes )?(?:sincères|meilleures|respectueuses) )?salutations(?: distinguées)?
    (?:veuillez|je vous prie d['\u2019]) ?(?:agréer|recevoir)\b.{{0,90}}\b(?:salutations|sentiments)(?: \w+){{0,2}}
    (?:gracias(?: de antemano| por adelantado)? y )?(?:reciban? )?(?:{_SALUDO})
    (?:muy )?atentamente
    (?:met )?(?:vriendelijke|hartelijke|beste) groet(?:en)?|hoogachtend
    (?:grazie e )?(?:un )?(?:(?:cordial[ei]|distint[io]|car[io]|migliori) )?salut[io]|cordialmente
    atenciosamente|(?:com os )?(?:melhores )?cumprimentos
    (?:med )?(?:vänliga?|bästa|hjärtliga?|varma) hälsning(?:ar)?|med venlig hilsen
    (?:serdecznie )?pozdrawiam(?: serdecznie)?|(?:serdeczne )?pozdrowienia|z poważaniem|z wyrazami szacunku"""
)
CLOSING: Final = re.compile(rf"(?:{_CLOSINGS})", re.IGNORECASE)
# Words that also mean something else: they count at the beginning of a paragraph, above a name.
WEAK_CLOSING: Final = re.compile(
    _any_of(
        r"""thanks(?: again| a lot| so much| in advance)?|many thanks|thank you(?: very much| in advance)?|cheers|best
        yours|thx|br|rgds|kr|gruß|grüße|mfg|vg|lg|(?:(?:vielen|besten|herzlichen) )?danke?(?: im voraus)?
        (?:merci d['\u2019]avance et )?bonne (?:journée|soirée|réception)|merci(?: d['\u2019]avance)?
        gracias(?: de antemano| por adelantado)?|un abrazo|groet(?:en|jes)?|(?:alvast )?bedankt|bij voorbaat dank|mvg
        grazie(?: mille| in anticipo)?|buona giornata|(?:muito )?obrigad[oa](?: desde já)?|abraços?|att
        tack(?: på förhand)?|mvh|vänligen|hälsningar|hilsen|z góry dziękuję"""
    ),
    re.IGNORECASE,
)
_DEVICES: Final = (
    r"(?:i?phone(?:['\u2019]a)?|i?pad(?:['\u2019]a)?|android|samsung|galaxy|pixel|huawei|xiaomi|oneplus|nokia|motorola|blackberry"
    r"|smartphone|smartfonu?|tablet|mobile|handy|phone|device|gerät|mobil\w*|téléphone|teléfono|móvil|telefoon|telefonu?"
    r"|outlook|mail|yahoo|gmail|proton|aol|gmx|web\.de|telekom|t-online|orange|free|libero|courrier|correo|posta|poczta"
    r"|e-post|windows|ios|for|on|pour|para|voor|für|per|dla|för|auf|sur|5g|4g|my|web|e?mail|app|aplikacji|systemu|ultra|pro"
    r"|max|plus|mini|fold|note|[\w]?\d{1,2})"
)
_SENT_FROM: Final = _any_of(
    r"""sent (?:from|with|via)(?: my)?|get|gesendet (?:von|mit)(?: meinem| der)?|von meinem|holen sie sich
    envoyé (?:de|depuis)(?: mon| l['\u2019]application)?|provenance :|obtenez|télécharge[rz]
    enviado (?:desde|do)(?: mi| meu)?|obtene[rd]|descargar|inviato da(?:l mio)?|scarica|ottieni
    verzonden van(?:af|uit)(?: mijn)?|verstuurd vanaf(?: mijn)?|wysłan[eoy] z(?: mojego)?|pobierz(?: program)?
    obter(?: o)?|skicka(?:t|des) från(?: min)?|hämta"""
)
FOOTER: Final = re.compile(
    rf"(?:(?:{_SENT_FROM})(?: {_DEVICES}(?:mail)?)+(?: gesendet)?"
    r"|outlook (?:für|voor) (?:ios|android) (?:beziehen|herunterladen|downloaden|ophalen)"
    r"|diese nachricht wurde von meinem android[ -]gerät mit [\w. &-]{1,20} gesendet)[.]?(?:\s?<https?://\S+>)?",
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
    r"|directrice|ingénieur\w*|jefe|director\w*|técnico|hoofd|medewerker|beheerder|responsabile|gerente"
    r"|analista|kierownik|specjalista|dyrektor|\w*chef|handläggare)",
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
PHONE: Final = re.compile(r"(?<![\w.-])(?:\+|\(?0|(?=\(\d\d\) ))[\d()/ .-]{6,}\d(?![\w.-]*\w)")
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
    r"|buongiorno|buonasera|gentile|salve|ciao|olá|bom dia|boa tarde|prezad[oa]s?|car[oa]|hej|hei|god (?:dag|morgon)"
    r"|dzień dobry|witam|szanown[aiy]|grüezi|goede(?:morgen|middag)|goedendag)\b[^?!.:;]{0,60}[,!.]?",
    re.IGNORECASE,
)
