/* <sign-in-form>: asks for address and password, and says in plain words what is wrong. Tells `signed-in` {account}. */

import { part, setText } from "../helpers/build.js"
import { sayWhile } from "../helpers/time.js"
import { t } from "../helpers/words.js"
import { signIn } from "../models/session.js"

class SignInForm extends HTMLElement {
  #form

  // Lifecycle

  connectedCallback() {
    this.#form = part(this, "form")
    this.#form.addEventListener("submit", (event) => this.#submit(event))
    this.#form.addEventListener("input", () => this.#say(""))
    part(this, "show").addEventListener("click", ({ currentTarget }) => this.#togglePassword(currentTarget))
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

  #togglePassword(button) {
    const { password } = this.#form.elements
    const isShown = password.type === "text"
    password.type = isShown ? "password" : "text"
    button.setAttribute("aria-pressed", String(!isShown))
    setText(button, isShown ? t("Montrer") : t("Cacher"))
  }

  // Internal

  async #try(email, password) {
    try {
      const account = await signIn(email, password)
      this.dispatchEvent(new CustomEvent("signed-in", { bubbles: true, detail: { account } }))
    } catch (refusal) {
      this.#refuse(sayRefusal(refusal), this.#form.elements.password)
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

function sayRefusal({ status, code, said, retryAfter }) {
  if (code === "wrong_credentials") return t("L’adresse ou le mot de passe ne correspondent pas. Vérifiez-les, puis réessayez.")
  if (status === 429) return t("Trop d’essais. Par prudence, réessayez dans {while}.", { while: sayWhile(retryAfter || 60) })
  if (status === 0) return t("Le service ne répond pas. Vérifiez votre connexion, puis réessayez.")
  if (status >= 500) return t("Le service a un souci. Réessayez dans un instant.")
  return said || t("La connexion n’a pas réussi. Réessayez dans un instant.")
}

customElements.define("sign-in-form", SignInForm)
