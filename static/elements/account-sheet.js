/*
  <account-sheet>: « Mon compte »: password, recovery code, language. Loaded when it is opened.
  A recovery code is shown once; the sheet does not close by accident before it was noted. Tells `keys-changed`.
*/

import "../helpers/more-words.js"
import { build } from "../helpers/build.js"
import { language, t } from "../helpers/words.js"
import { changePassword, makeRecoveryCode, waysIn } from "../models/own-account.js"
import { prefer, preferences } from "../models/preferences.js"
import { sayRefusal } from "./refusal.js"
import { makeField, makeForm, makeNewPassword } from "./secret-form.js"

const WRONG = () => t("Ce mot de passe n’est pas le bon.")

class AccountSheet extends HTMLElement {
  #dialog = build("dialog", { class: "sheet account", "aria-labelledby": "account-title" })
  #account
  #ways
  #holdsSecret = false
  #views = {
    home: () => this.#makeHome(),
    password: () => this.#makePassword(),
    code: () => this.#makeCode(),
  }

  // Lifecycle

  connectedCallback() {
    this.append(this.#dialog)
    this.#dialog.addEventListener("cancel", (event) => this.#holdsSecret && event.preventDefault())
    this.#dialog.addEventListener("close", () => this.remove())
  }

  // Actions

  async open(account, view) {
    this.#account = account
    this.#ways = await waysIn().catch(() => null)
    this.#dialog.showModal()
    this.#show(this.#ways ? view : "none")
  }

  // Internal

  #show(view) {
    const [title, ...content] = this.#views[view]?.() ?? [t("Mon compte"), sentence(t("Le service ne répond pas. Réessayez dans un instant."))]
    this.#put(title, ...content)
  }

  #put(title, ...content) {
    const heading = build("h2", { id: "account-title", tabindex: "-1", text: title })
    const close = build("button", { class: "round round--close", type: "button", "aria-label": t("Fermer") })
    close.addEventListener("click", () => this.#dialog.close())
    this.#dialog.replaceChildren(build("header", { class: "sheet__head" }, heading, !this.#holdsSecret && close), ...content)
    ;(this.#dialog.querySelector("input") ?? heading).focus()
  }

  // Internal: views, each a title and what stands below it

  #makeHome() {
    const { hasCode, hasOwnPassword } = this.#ways
    return [
      t("Mon compte"),
      build(
        "ul",
        { class: "account__list" },
        this.#makeLine(t("Mot de passe"), hasOwnPassword ? t("Vous seul·e l’avez choisi.") : t("Il a été choisi pour vous : choisissez le vôtre."), t("Changer"), "password"),
        this.#makeLine(t("Code de secours"), hasCode ? t("Il existe. En faire un autre annule l’ancien.") : t("Pas encore : un mot de passe oublié vous fermerait la porte."), hasCode ? t("En refaire un") : t("Créer"), "code"),
        makePreferences(this.#account),
        this.#makeLine(t("Langue"), language === "en" ? "English" : "Français"),
      ),
      build("p", { class: "small" }, build("a", { href: "/accessibility", text: t("Accessibilité") })),
    ]
  }

  #makeLine(title, words, action, view) {
    const button = action && build("button", { class: "button button--quiet", type: "button", text: action, "aria-label": `${title} : ${action}` })
    button?.addEventListener("click", () => this.#show(view))
    return build("li", { class: "account__line" }, build("p", {}, build("b", { text: title }), build("span", { class: "quiet small", text: words })), button)
  }

  #makePassword() {
    const { hasOwnPassword } = this.#ways
    const old = makeField(hasOwnPassword ? t("Mot de passe actuel") : t("Mot de passe reçu"), { name: "old", type: "password", autocomplete: "current-password", maxlength: 1000 })
    const fields = [old, makeNewPassword(), hasOwnPassword && makeQuestion()].filter(Boolean)
    const form = makeForm(fields, t("Changer le mot de passe"), (values) => this.#changePassword(form, values))
    return [t("Choisir mon mot de passe"), form]
  }

  async #changePassword(form, { old, new: password, known }) {
    try {
      await changePassword(old, password, known === "yes")
      this.#ways = await waysIn()
      this.#tellKeysChanged()
      this.#showPasswordChanged()
    } catch (refusal) {
      form.refuse(sayRefusal(refusal, WRONG()), "old")
    }
  }

  #showPasswordChanged() {
    const words = [t("Vos autres appareils devront se reconnecter avec le nouveau.")]
    if (!this.#ways.hasCode) words.push(t("Il vous faut maintenant un code de secours : l’ancien, s’il existait, n’ouvre plus rien."))
    const next = this.#ways.hasCode ? this.#makeClose(t("Terminer")) : this.#makeNext(t("Créer un code de secours"), "code")
    this.#put(t("Votre mot de passe est changé"), ...words.map(sentence), build("div", { class: "sheet__actions" }, next))
  }

  #makeCode() {
    const password = makeField(t("Votre mot de passe"), { name: "password", type: "password", autocomplete: "current-password", maxlength: 1000 })
    const form = makeForm([password], t("Créer le code"), (values) => this.#createCode(form, values))
    return [
      t("Un code de secours"),
      sentence(t("Si vous oubliez votre mot de passe, ce code rouvre vos conversations. Personne d’autre ne peut vous le redonner : gardez-le ailleurs que sur cet appareil, sur papier par exemple.")),
      form,
    ]
  }

  async #createCode(form, { password }) {
    try {
      const code = await makeRecoveryCode(password)
      this.#tellKeysChanged()
      this.#showCode(code)
    } catch (refusal) {
      form.refuse(sayRefusal(refusal, WRONG()), "password")
    }
  }

  #showCode(code) {
    this.#holdsSecret = true
    const copy = build("button", { class: "button button--quiet", type: "button", text: t("Copier") })
    copy.addEventListener("click", () => copyTo(copy, code))
    const print = build("button", { class: "button button--quiet", type: "button", text: t("Imprimer") })
    print.addEventListener("click", () => globalThis.print())
    const groups = code.split("-").map((text) => build("span", { text }))
    this.#put(
      t("Votre code de secours"),
      build("output", { class: "account__code", "aria-label": code.split("-").join(" ") }, ...groups),
      sentence(t("Il ne sera plus montré. Recopiez-le ou imprimez-le maintenant, et gardez-le comme une clé.")),
      build("div", { class: "sheet__actions" }, this.#makeClose(t("Je l’ai noté")), copy, print),
    )
  }

  #makeClose(text) {
    const button = build("button", { class: "button", type: "button", text })
    button.addEventListener("click", () => this.#dialog.close())
    return button
  }

  #makeNext(text, view) {
    const button = build("button", { class: "button", type: "button", text })
    button.addEventListener("click", () => this.#show(view))
    return button
  }

  #tellKeysChanged() {
    document.dispatchEvent(new CustomEvent("keys-changed"))
  }
}

function makePreferences({ role }) {
  const choices = [
    makePreference("enterSends", t("Entrée envoie le message, Maj + Entrée fait une ligne")),
    role !== "member" && makePreference("singleKeys", t("Raccourcis à une touche")),
  ]
  const title = build("legend", { text: t("Écrire, dans ce navigateur") })
  return build("li", { class: "account__line" }, build("fieldset", { class: "choices" }, title, ...choices))
}

function makePreference(name, words) {
  const input = build("input", { type: "checkbox", checked: preferences()[name] })
  input.addEventListener("change", () => {
    prefer({ [name]: input.checked })
    document.dispatchEvent(new CustomEvent("preferences-changed"))
  })
  return build("label", { class: "choice" }, input, build("span", { text: words }))
}

function makeQuestion() {
  const choice = (value, text, checked) => build("label", { class: "choice" }, build("input", { type: "radio", name: "known", value, checked }), build("span", { text }))
  return build(
    "fieldset",
    { class: "choices" },
    build("legend", { text: t("Quelqu’un d’autre connaît-il l’ancien, ou pourrait-il le connaître ?") }),
    choice("no", t("Non, personne"), true),
    choice("yes", t("Oui, peut-être : refaire aussi mes clés")),
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

const sentence = (text) => build("p", { text })

customElements.define("account-sheet", AccountSheet)

/** Open the sheet at one of its views: home, password, code. */
export function openAccount(account, view = "home") {
  const sheet = new AccountSheet()
  document.body.append(sheet)
  return sheet.open(account, view)
}
