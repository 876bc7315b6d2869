/* The first view of « Mon compte »: what one chose, in a line each, and the way to its view. */

import { build } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"
import { makeRefused } from "./account-letters.js"
import { sayLanguage, sayZone } from "./account-language.js"
import { makeAlertChoices } from "./alert-choices.js"
import { makeChoice } from "../pieces/choice.js"
import { makeManagesChoice } from "./manages-choice.js"

export function makeHome(sheet) {
  const { hasCode, hasOwnPassword } = sheet.ways
  const { letters, locale, zone, refusedAt } = sheet.settings
  const line = (view, ...texts) => makeLine(sheet, view, ...texts)
  const lines = [
    makeWriting(sheet),
    makeAlertChoices(sheet),
    sheet.account.role === "member" && makeManagesChoice(sheet),
    line("letters", t("E-mails"), sayLetters(sheet.account, letters), t("Choisir")),
    line("place", t("Langue et heure"), `${sayLanguage(locale)} · ${sayZone(zone)}`, t("Changer")),
    line(
      "password",
      t("Mot de passe"),
      hasOwnPassword
        ? t("Vous seul·e l’avez choisi.")
        : t("Il a été choisi pour vous : choisissez le vôtre."),
      t("Changer"),
    ),
    line(
      "code",
      t("Code de secours"),
      hasCode
        ? t("Il existe. En faire un autre annule l’ancien.")
        : t("Pas encore : un mot de passe oublié vous fermerait la porte."),
      hasCode ? t("En refaire un") : t("Créer"),
    ),
    line("sessions", t("Appareils"), t("Là où vous êtes connecté·e."), t("Voir")),
  ]
  const foot = build(
    "p",
    { class: "small" },
    build("a", { href: "/accessibility", text: t("Accessibilité") }),
  )
  return [
    t("Mon compte"),
    refusedAt && makeRefused(sheet),
    build("ul", { class: "account__list" }, ...lines.filter(Boolean)),
    foot,
  ].filter(Boolean)
}

function makeLine(sheet, view, title, words, action) {
  const button = build("button", {
    class: "button button--quiet",
    type: "button",
    text: action,
    "aria-label": `${title} : ${action}`,
    data: { view },
  })
  button.addEventListener("click", () => sheet.show(view))
  return build(
    "li",
    { class: "account__line" },
    build("p", {}, build("b", { text: title }), build("span", { class: "quiet small", text: words })),
    button,
  )
}

function makeWriting(sheet) {
  const { enterSends, singleKeys } = sheet.settings
  const choices = [
    makeChoice(enterSends, t("Entrée envoie le message, Maj + Entrée fait une ligne"), (isOn) =>
      sheet.save({ enter_sends: isOn }),
    ),
    sheet.account.role !== "member" &&
      makeChoice(singleKeys, t("Raccourcis à une touche"), (isOn) => sheet.save({ single_keys: isOn })),
  ]
  return build(
    "li",
    { class: "account__line" },
    build("fieldset", { class: "choices" }, build("legend", { text: t("Écrire") }), ...choices),
  )
}

function sayLetters({ role }, { replies, digest, programmes, encouragements, quietFrom, quietTo }) {
  const hasOthers = role === "member" && (programmes || encouragements)
  if (!replies) return hasOthers ? t("Pas pour une réponse.") : t("Aucun e-mail.")
  if (digest) return t("Une fois par jour, si une réponse vous attend.")
  return quietFrom
    ? t("Quand une réponse vous attend, sauf de {from} à {to}.", { from: quietFrom, to: quietTo })
    : t("Quand une réponse vous attend.")
}
