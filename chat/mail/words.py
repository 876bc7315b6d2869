"""How the page says kinds, states and reasons of letters. What it has no words for is shown as it is kept."""

import re

from chat.pages.words import say, sentence
from storage.mail.refused_mailboxes import is_for_good

KINDS = {
    "reply": sentence("réponse à lire"),
    "digest": sentence("résumé du jour"),
    "lesson": sentence("étape d’un parcours"),
    "reminder": sentence("rappel automatique"),
    "offer": sentence("proposition"),
    "unposted": sentence("réponse non remise"),
}
STATES = {
    "waiting": sentence("en attente"),
    "sent": sentence("partie"),
    "failed": sentence("échouée"),
    "refused": sentence("refusée"),
    "dropped": sentence("abandonnée"),
}
REASONS = {
    "address": sentence("on ne peut pas écrire à cette adresse"),
    "damaged": sentence("sa ligne a été altérée"),
    "unknown kind": sentence("cette version ne connaît pas cette sorte"),
    "its key is not in the keyring": sentence("sa clé n’est pas dans le trousseau"),
    "timed out": sentence("le relais ne répond pas à temps"),
    "no answer": sentence("le relais a raccroché avant de répondre"),
    "too many attempts": sentence("trop d’essais"),
    "too late": sentence("trop tard pour servir"),
    "the account is closed": sentence("le compte est fermé"),
    "no longer wanted": sentence("la personne n’en veut plus"),
    "already read": sentence("la personne a lu entre-temps"),
    "quiet hours": sentence("attend la fin des heures calmes"),
    "the day's letters were sent": sentence("attend demain : les e-mails du jour sont partis"),
    "more important letters come first": sentence("attend : de plus importantes passent d’abord"),
    "many letters go to this domain": sentence("attend : beaucoup d’e-mails vont à ce domaine"),
    "joined into another letter": sentence("réunie avec une autre"),
    "no longer followed": sentence("la personne ne suit plus ce parcours"),
    "no longer in the programme": sentence("le parcours n’a plus cette étape"),
    "answered meanwhile": sentence("la personne a écrit entre-temps"),
    "no longer offered": sentence("le parcours n’est plus proposé"),
    "followed meanwhile": sentence("la personne l’a commencé entre-temps"),
    "withdrawn": sentence("retirée entre-temps"),
    "switched off": sentence("sa règle est coupée"),
    "the conversation is closed": sentence("la conversation est close"),
    "restored from a backup": sentence("peut être partie avant la sauvegarde"),
    "by push alone": sentence("par notification seulement"),
    "the mailbox refuses letters": sentence("la boîte de la personne refuse nos e-mails"),
    "given up": sentence("abandonnée sur cette page"),
}
RELAY = re.compile(r"smtp (\d{3})")
SENDER = re.compile(r"sender refused: smtp (\d{3})")
BOUNCED = re.compile(r"bounced (\d\.\d{1,3}\.\d{1,3})")


def reason(kept: str | None, language: str) -> str:
    """Why a letter failed or waits, in words."""
    if kept is None:
        return ""
    if found := RELAY.fullmatch(kept):
        return say(language, "le relais a répondu {code}", code=found[1])
    if found := SENDER.fullmatch(kept):
        return say(language, "le relais refuse l’adresse d’expédition ({code})", code=found[1])
    if found := BOUNCED.fullmatch(kept):
        return _came_back(found[1], language)
    return say(language, REASONS[kept]) if kept in REASONS else kept


def _came_back(status: str, language: str) -> str:
    if is_for_good(status):
        return say(language, "revenue : cette adresse n’existe pas ({code})", code=status)
    if status.endswith(".2.2"):
        return say(language, "revenue : la boîte est pleine ({code})", code=status)
    return say(language, "revenue : {code}", code=status)
