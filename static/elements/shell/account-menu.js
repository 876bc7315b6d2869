/* <account-menu>: who is signed in, their account, and signing out. Asks first where a text would be lost. Tells `search`, `export`, `practice`, `leave`. */

import { part, setText } from "../../helpers/build.js"
import { sayRole } from "../../helpers/words/names.js"

/** The address at which the pages of lists and forms link to one's own account. */
const ACCOUNT = "#account"
const WITH_ENCOURAGEMENTS = new Set(["companion", "administrator"])

export class AccountMenu extends HTMLElement {
  #account
  /** Set by the page: tells whether something is written but not sent. */
  hasUnsent = () => false

  // Lifecycle

  connectedCallback() {
    part(this, "sign-out").addEventListener("click", () => this.#ask())
    part(this, "open-search").addEventListener("click", () => this.#tell("search"))
    part(this, "open-export").addEventListener("click", () => this.#tell("export"))
    part(this, "open-practice")?.addEventListener("click", () => this.#tell("practice"))
    part(this, "open-encouragements")?.addEventListener("click", () => this.#openEncouragements())
    part(this, "open-account").addEventListener("click", () => this.#openAccount())
    part(this, "confirm").addEventListener(
      "close",
      ({ target }) => target.returnValue === "leave" && this.#leave(),
    )
  }

  set account(account) {
    this.#account = account
    setText(part(this, "account-name"), account.first_name)
    if (part(this, "open-encouragements"))
      part(this, "open-encouragements").hidden = !WITH_ENCOURAGEMENTS.has(account.role)
    setText(part(this, "account-role"), account.role === "member" ? "" : sayRole(account.role))
    if (location.hash === ACCOUNT) {
      history.replaceState(null, "", location.pathname)
      this.#openAccount()
    }
  }

  /** Signing out did not work: saying nothing would be worse. */
  refuse(words) {
    setText(part(this, "account-trouble"), words)
    this.showPopover()
  }

  // Internal

  #tell(type) {
    this.hidePopover()
    this.dispatchEvent(new CustomEvent(type, { bubbles: true }))
  }

  async #openEncouragements() {
    this.hidePopover()
    const { openRules } = await import("../encouragements/rules-sheet.js")
    openRules()
  }

  async #openAccount() {
    this.hidePopover()
    const { openAccount } = await import("../accounts/account-sheet.js")
    openAccount(this.#account)
  }

  #ask() {
    setText(part(this, "account-trouble"), "")
    if (!this.hasUnsent()) return this.#leave()
    const dialog = part(this, "confirm")
    dialog.returnValue = ""
    dialog.showModal()
  }

  #leave() {
    this.dispatchEvent(new CustomEvent("leave", { bubbles: true }))
  }
}

customElements.define("account-menu", AccountMenu)
