/*
  Has a page go by what the account keeps, once its first view is there: how one writes, in this tab and in the others; that
  e-mails are refused; and, before the page is loaded anew in another language, that nothing typed is lost by it.
*/

import { ownSettings } from "../../models/accounts/own-settings.js"
import { areIn, recall } from "../../models/accounts/preferences.js"

export async function followSettings({ account, correspondence: { safe } }) {
  document.addEventListener("before-reload", ({ detail }) => detail.push(isKept(safe)))
  globalThis.addEventListener("storage", ({ key }) => {
    if (!areIn(key)) return
    recall(account.id)
    tellChanged()
  })
  const settings = await ownSettings().catch(() => null)
  if (!settings) return
  tellChanged()
  if (settings.refusedAt) (await import("./refused-letters.js")).tellRefused(account, safe, settings)
}

const tellChanged = () => document.dispatchEvent(new CustomEvent("preferences-changed"))

/** Whether all that was typed lies in the browser's storage, to be found again by the next page. */
async function isKept(safe) {
  const values = await Promise.all(safe.names("").map(async (name) => [name, await safe.find(name)]))
  const ours = values.filter(([, value]) => value !== undefined)
  await Promise.all(ours.map(([name, value]) => safe.keep(name, value)))
  const stored = await Promise.all(ours.map(([name]) => safe.read(name)))
  return stored.every((value) => value !== undefined)
}
