/* What a page of signed-in people does once they see what they came for: nothing of it may delay that. `data-settled` says that it is done. */

import { pause } from "../../helpers/delay.js"
import { Alerts } from "../../models/shell/alerts.js"
import { keepShell } from "../../models/shell/shell.js"
import { followSettings } from "./follow-settings.js"
import { begin as beginAbout } from "../conversations/about-line.js"
import { begin as beginMails } from "../inbound/waiting-mails.js"

const GAP = 20

export async function begin(page) {
  await page.querySelector("conversation-view").thread?.history.load()
  await followSettings(page)
  await beginAbout(page)
  if (page.account.role === "companion")
    await (await import("../encouragements/suggestion-card.js")).begin(page)
  await beginMails(page)
  followAlerts(page, await keepShell())
  await page.correspondence.loadAll(untilIdle)
  const push = await import("../../models/shell/push.js").catch(() => null) // Without the service, the next page does it.
  await push?.followPush(page.account)
  page.dataset.settled = ""
}

function followAlerts(page, registration) {
  const view = page.querySelector("conversation-view")
  const attention = (thread) => {
    if (document.visibilityState === "hidden") return "away"
    return document.hasFocus() && view.thread?.id === thread ? "looking" : "near"
  }
  new Alerts(page.correspondence, { registration, attention })
  navigator.serviceWorker?.addEventListener(
    "message",
    ({ data }) => data?.type === "open" && (location.hash = data.thread),
  )
}

/** A long list comes in the background: typing and scrolling go first. */
async function untilIdle() {
  await pause(GAP)
  await new Promise((done) => (globalThis.requestIdleCallback ?? setTimeout)(done))
}
