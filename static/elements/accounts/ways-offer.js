/*
  <ways-offer>: offers, and never requires, a password of one's own and a recovery code. Put off, it comes back with the
  next sign-in.
*/

import { part, setText } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"
import { waysIn } from "../../models/accounts/own-account.js"

const PUT_OFF = "put-off"

export class WaysOffer extends HTMLElement {
  #safe
  #account
  #view

  // Lifecycle

  connectedCallback() {
    part(this, "accept").addEventListener("click", () => this.#accept())
    part(this, "later").addEventListener("click", () => this.#putOff())
    document.addEventListener("keys-changed", () => this.#look())
  }

  begin(account, safe) {
    this.#account = account
    this.#safe = safe
    this.#look()
  }

  // Internal

  async #look() {
    const isPutOff = await this.#safe.find(PUT_OFF)
    const ways = isPutOff ? null : await waysIn().catch(() => null)
    this.hidden = !ways || (ways.hasCode && ways.hasOwnPassword)
    if (!this.hidden) this.#offer(ways)
  }

  #offer({ hasOwnPassword }) {
    this.#view = hasOwnPassword ? "code" : "password"
    const words = hasOwnPassword
      ? t("Un code de secours rouvrira vos conversations si vous oubliez votre mot de passe.")
      : t("Votre mot de passe a été choisi pour vous. Choisissez-en un que personne d’autre ne connaît.")
    setText(part(this, "words"), words)
    setText(
      part(this, "accept"),
      hasOwnPassword ? t("Créer un code de secours") : t("Choisir mon mot de passe"),
    )
  }

  async #accept() {
    const { openAccount } = await import("./account-sheet.js")
    openAccount(this.#account, this.#view)
  }

  #putOff() {
    this.#safe.keep(PUT_OFF, true)
    this.hidden = true
  }
}

customElements.define("ways-offer", WaysOffer)
