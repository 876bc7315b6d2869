/*
  <account-sheet>: « Mon compte », one view at a time, each made by a module of its own. Loaded when it is opened.
  It saves what is chosen and says so; what could not be saved stays as chosen, and can be tried again. A recovery code is
  shown once: the sheet does not close by accident before it was noted.
*/

import "../../helpers/words/more-words.js"
import { build } from "../../helpers/build.js"
import { pause } from "../../helpers/delay.js"
import { wear } from "../../helpers/late-styles.js"
import { t } from "../../helpers/words/words.js"
import { waysIn } from "../../models/accounts/own-account.js"
import { changeSettings, ownSettings } from "../../models/accounts/own-settings.js"
import { findPushKey } from "../../models/shell/push.js"
import { makeHome } from "./account-home.js"
import { makeCode, makePassword } from "./account-keys.js"
import { makeLetters } from "./account-letters.js"
import { makePlace } from "./account-language.js"
import { makeSessions } from "./account-sessions.js"
import { sayRefusal } from "../pieces/refusal.js"

const KEPT_WITHIN = 3000
const NO_BREAK = "\u00a0"

const VIEWS = {
  home: makeHome,
  password: makePassword,
  code: makeCode,
  letters: makeLetters,
  place: makePlace,
  sessions: makeSessions,
}

export class AccountSheet extends HTMLElement {
  account
  ways
  settings
  pushKey
  #dialog = build("dialog", { class: "sheet account", "aria-labelledby": "account-title" })
  #body = build("div", { class: "account__body" })
  #status = build("p", { class: "account__status small", role: "status" })
  #trouble = build("p", { class: "trouble", role: "alert" })
  #again = build("button", {
    class: "button button--quiet",
    type: "button",
    hidden: true,
    text: t("Réessayer"),
  })
  #holdsSecret = false
  #view = "home"
  #unsaved = {}
  #saving = null
  #isRefused = false

  // Lifecycle

  connectedCallback() {
    this.#dialog.append(
      this.#body,
      build("div", { class: "account__said" }, this.#status, this.#trouble, this.#again),
    )
    this.append(this.#dialog)
    this.#again.addEventListener("click", () => this.save({}))
    this.#dialog.addEventListener("cancel", (event) => this.#holdsSecret && event.preventDefault())
    this.#dialog.addEventListener("close", () => this.remove())
  }

  // Actions

  async open(account, view) {
    this.account = account
    const asked = [waysIn(), ownSettings(), findPushKey(account).catch(() => null), wear("account")]
    ;[this.ways, this.settings, this.pushKey] = await Promise.all(asked).catch(() => [])
    this.#dialog.showModal()
    this.#tellPreferences()
    if (this.settings) this.show(view)
    else
      this.put(
        t("Mon compte"),
        build("p", { text: t("Le service ne répond pas. Réessayez dans un instant.") }),
      )
  }

  close() {
    this.#dialog.close()
  }

  /** Show one of the views, each a title and what stands below it; back at home one is where one left it. */
  async show(view) {
    const before = this.#view
    this.#view = view
    const content = await VIEWS[view](this)
    if (this.#view !== view) return
    this.put(...content)
    if (view === "home") this.#dialog.querySelector(`[data-view="${before}"]`)?.focus()
  }

  put(title, ...content) {
    this.say("")
    const heading = build("h2", { id: "account-title", tabindex: "-1", text: title })
    const back =
      this.settings &&
      this.#view !== "home" &&
      !this.#holdsSecret &&
      makeRound("back", t("Retour à mon compte"), () => this.show("home"))
    const close = !this.#holdsSecret && makeRound("close", t("Fermer"), () => this.close())
    this.#body.replaceChildren(build("div", { class: "sheet__head" }, back, heading, close), ...content)
    ;(this.#body.querySelector("form.secret input") ?? heading).focus()
    this.#dialog.scrollTop = 0
  }

  /** Show what is shown this once: the sheet closes by its own button alone. */
  putSecret(title, ...content) {
    this.#holdsSecret = true
    this.put(title, ...content)
  }

  /** Save changes of the settings, with those that could not be saved before, one request at a time; whether it worked. */
  save(changes) {
    this.#isRefused = false
    // That the change before is saved is not said of this one. Its place stays, so that nothing moves.
    if (this.#status.textContent) this.#status.textContent = NO_BREAK
    this.#unsaved = merge(this.#unsaved, changes)
    this.#saving ??= this.#saveAll().finally(() => (this.#saving = null))
    return this.#saving
  }

  /** For when what had the focus is gone. */
  focusTitle() {
    this.#body.querySelector("#account-title").focus()
  }

  say(words) {
    this.#trouble.textContent = ""
    this.#again.hidden = true
    this.#status.textContent = words
  }

  /** Say what is wrong. What was chosen before and is saved meanwhile does not take that away. */
  refuse(words) {
    this.say("")
    this.#isRefused = true
    this.#trouble.textContent = words
  }

  /** Done when what waits in this browser is kept under the new key, or some seconds later: nothing of it is lost by a reload. */
  async tellKeysChanged() {
    const work = []
    document.dispatchEvent(new CustomEvent("keys-changed", { detail: { work } }))
    await Promise.race([Promise.allSettled(work), pause(KEPT_WITHIN)])
  }

  // Internal

  async #saveAll() {
    while (Object.keys(this.#unsaved).length) {
      const asked = this.#unsaved
      this.#unsaved = {}
      try {
        this.settings = await changeSettings(asked)
      } catch (refusal) {
        return this.#noteUnsaved(refusal, asked)
      }
    }
    this.#tellPreferences()
    if (!this.#isRefused) this.say(t("C’est enregistré."))
    return true
  }

  /** What makes no sense to the service is not asked again; all else may be. */
  #noteUnsaved(refusal, asked) {
    const makesSense = refusal.status !== 400
    if (makesSense) this.#unsaved = merge(asked, this.#unsaved)
    this.refuse(t("Ce n’est pas encore enregistré. {reason}", { reason: sayRefusal(refusal, "") }))
    this.#again.hidden = !makesSense
    return false
  }

  #tellPreferences() {
    document.dispatchEvent(new CustomEvent("preferences-changed"))
  }
}

const merge = (one, other) => ({
  ...one,
  ...other,
  ...((one.letters || other.letters) && { letters: { ...one.letters, ...other.letters } }),
})

function makeRound(name, label, action) {
  const button = build("button", { class: `round round--${name}`, type: "button", "aria-label": label })
  button.addEventListener("click", action)
  return button
}

customElements.define("account-sheet", AccountSheet)

/** Open the sheet at one of its views: home, password, code, letters, place, sessions. */
export function openAccount(account, view = "home") {
  const sheet = new AccountSheet()
  document.body.append(sheet)
  return sheet.open(account, view)
}
