/* The views of one's keys: the password, and the recovery code, which is shown once. */

import { build } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"
import { changePassword, makeRecoveryCode, waysIn } from "../../models/accounts/own-account.js"
import { sayRefusal } from "../pieces/refusal.js"
import { makeField, makeForm, makeNewPassword } from "../pieces/secret-form.js"

const WRONG = () => t("Ce mot de passe n’est pas le bon.")

export function makePassword(sheet) {
  const { hasOwnPassword } = sheet.ways
  const old = makeField(hasOwnPassword ? t("Mot de passe actuel") : t("Mot de passe reçu"), {
    name: "old",
    type: "password",
    autocomplete: "current-password",
    maxlength: 1000,
  })
  const fields = [old, makeNewPassword(), hasOwnPassword && makeQuestion()].filter(Boolean)
  const form = makeForm(fields, t("Changer le mot de passe"), (values) => change(sheet, form, values))
  return [t("Choisir mon mot de passe"), form]
}

function makeQuestion() {
  const choice = (value, text, checked) =>
    build(
      "label",
      { class: "choice" },
      build("input", { type: "radio", name: "known", value, checked }),
      build("span", { text }),
    )
  return build(
    "fieldset",
    { class: "choices" },
    build("legend", { text: t("Quelqu’un d’autre connaît-il l’ancien, ou pourrait-il le connaître ?") }),
    choice("no", t("Non, personne"), true),
    choice("yes", t("Oui, peut-être : refaire aussi mes clés")),
  )
}

async function change(sheet, form, { old, new: password, known }) {
  try {
    await changePassword(old, password, known === "yes")
    sheet.ways = await waysIn()
    await sheet.tellKeysChanged()
    showChanged(sheet)
  } catch (refusal) {
    form.refuse(sayRefusal(refusal, WRONG()), "old")
  }
}

function showChanged(sheet) {
  const words = [t("Vos autres appareils devront se reconnecter avec le nouveau.")]
  if (!sheet.ways.hasCode)
    words.push(t("Il vous faut maintenant un code de secours : l’ancien, s’il existait, n’ouvre plus rien."))
  const next = sheet.ways.hasCode
    ? makeButton(t("Terminer"), () => sheet.close())
    : makeButton(t("Créer un code de secours"), () => sheet.show("code"))
  sheet.put(
    t("Votre mot de passe est changé"),
    ...words.map(sentence),
    build("div", { class: "sheet__actions" }, next),
  )
}

export function makeCode(sheet) {
  const password = makeField(t("Votre mot de passe"), {
    name: "password",
    type: "password",
    autocomplete: "current-password",
    maxlength: 1000,
  })
  const form = makeForm([password], t("Créer le code"), (values) => create(sheet, form, values))
  return [
    t("Un code de secours"),
    sentence(
      t(
        "Si vous oubliez votre mot de passe, ce code rouvre vos conversations. Personne d’autre ne peut vous le redonner : gardez-le ailleurs que sur cet appareil, sur papier par exemple.",
      ),
    ),
    form,
  ]
}

async function create(sheet, form, { password }) {
  try {
    const code = await makeRecoveryCode(password)
    await sheet.tellKeysChanged()
    showCode(sheet, code)
  } catch (refusal) {
    form.refuse(sayRefusal(refusal, WRONG()), "password")
  }
}

function showCode(sheet, code) {
  const groups = code.split("-")
  const copy = makeButton(t("Copier"), () => copyTo(copy, code), "button--quiet")
  const print = makeButton(t("Imprimer"), () => globalThis.print(), "button--quiet")
  sheet.putSecret(
    t("Votre code de secours"),
    build(
      "output",
      { class: "account__code", "aria-label": groups.join(" ") },
      ...groups.map((text) => build("span", { text })),
    ),
    sentence(t("Il ne sera plus montré. Recopiez-le ou imprimez-le maintenant, et gardez-le comme une clé.")),
    build(
      "div",
      { class: "sheet__actions" },
      makeButton(t("Je l’ai noté"), () => sheet.close()),
      copy,
      print,
    ),
  )
}

async function copyTo(button, code) {
  try {
    await navigator.clipboard.writeText(code)
    button.textContent = t("Copié")
  } catch {
    button.textContent = t("Copie refusée : recopiez-le")
  }
}

function makeButton(text, action, kind = "") {
  const button = build("button", { class: `button ${kind}`, type: "button", text })
  button.addEventListener("click", action)
  return button
}

const sentence = (text) => build("p", { text })
