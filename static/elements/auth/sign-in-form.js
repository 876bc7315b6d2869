/* <sign-in-form>: asks for address and password, and says in plain words what is wrong. Tells `signed-in` {account}. */

import { part, setText } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"
import { signIn } from "../../models/accounts/session.js"
import { sayRefusal } from "../pieces/refusal.js"

const WRONG = () => t("L’adresse ou le mot de passe ne correspondent pas. Vérifiez-les, puis réessayez.")

export class SignInForm extends HTMLElement {
  #form

  // Lifecycle

  connectedCallback() {
    this.#form = part(this, "form")
    this.#form.addEventListener("submit", (event) => this.#submit(event))
    part(this, "submit").disabled = false // Before, the browser itself would send the password, and leave the page.
    this.#form.addEventListener("input", () => this.#say(""))
    part(this, "forgot").addEventListener("click", () => this.#showRecovery())
    part(this, "show").addEventListener("click", ({ currentTarget }) => this.#togglePassword(currentTarget))
    closeNotifications()
  }

  // Actions

  async #submit(event) {
    event.preventDefault()
    const { email, password } = this.#form.elements
    const missing = [email, password].find(({ value }) => !value.trim())
    if (missing) return this.#refuse(t("Il manque l’adresse ou le mot de passe."), missing)
    if (this.hasAttribute("busy")) return
    this.#setBusy(true)
    await this.#try(email.value.trim(), password.value)
    this.#setBusy(false)
  }

  async #showRecovery() {
    const { makeRecovery } = await import("./recovery-form.js")
    const recovery = makeRecovery(this.#form.elements.email.value, {
      enter: (account) => this.#enter(account),
      back: () => this.#leaveRecovery(recovery),
    })
    this.#form.hidden = true
    this.append(recovery)
    recovery.querySelector("input").focus()
  }

  #togglePassword(button) {
    const { password } = this.#form.elements
    const isShown = password.type === "text"
    password.type = isShown ? "password" : "text"
    button.setAttribute("aria-pressed", String(!isShown))
    setText(button, isShown ? t("Montrer") : t("Cacher"))
  }

  // Internal

  #enter(account) {
    this.dispatchEvent(new CustomEvent("signed-in", { bubbles: true, detail: { account } }))
  }

  #leaveRecovery(recovery) {
    recovery.remove()
    this.#form.hidden = false
    this.#form.elements.email.focus()
  }

  async #try(email, password) {
    try {
      this.#enter(await signIn(email, password))
    } catch (refusal) {
      this.#refuse(sayRefusal(refusal, WRONG()), this.#form.elements.password)
    }
  }

  #refuse(words, field) {
    this.#say(words)
    field.setAttribute("aria-invalid", "true")
    field.focus()
    field.select?.()
  }

  #say(words) {
    setText(part(this, "trouble"), words)
    for (const field of this.#form.elements) field.removeAttribute("aria-invalid")
  }

  #setBusy(isBusy) {
    this.toggleAttribute("busy", isBusy)
    part(this, "submit").setAttribute("aria-disabled", String(isBusy))
    setText(part(this, "submit"), isBusy ? t("Connexion…") : t("Se connecter"))
  }
}

/** Nobody is signed in: what a page that went too soon has left on the screen goes, too. */
function closeNotifications() {
  navigator.serviceWorker?.getRegistration().then(
    (registration) => registration?.active?.postMessage({ type: "close-all" }),
    () => undefined,
  )
}

customElements.define("sign-in-form", SignInForm)
