/*
  Being told of a reply while no page of Ailo is open, by the push service of this browser: off until chosen, in this browser and
  by this account. The service keeps the subscription for as long as the session is not ended; a page that opens renews it.
*/

import { get, put, remove } from "../../helpers/api.js"
import { fromBase64, toBase64 } from "../../helpers/bytes.js"
import { askToNotify, canNotify, chooseAlerts, chosenAlerts } from "./alerts.js"

const PUSH = "/api/account/push"
const CORRESPONDENTS = new Set(["member", "professional", "companion"])

const registered = async () => navigator.serviceWorker?.getRegistration()

/** Whether this account has chosen it here, and the browser still allows it. */
export const isPushChosen = (account) =>
  chosenAlerts().push === account.id && Notification.permission === "granted"

/** The service's key, where push can be had at all: by who takes part in conversations, in a browser that knows of it. */
export async function findPushKey({ role }) {
  if (
    !CORRESPONDENTS.has(role) ||
    !canNotify() ||
    !("PushManager" in globalThis) ||
    !(await registered())?.active
  )
    return null
  return (await get(PUSH)).key
}

/** Choose it; tells whether the browser gave leave. Throws where something else is in the way, and then nothing is chosen. */
export async function choosePush(account, key) {
  if (!(await askToNotify())) return false
  const registration = await registered()
  try {
    await subscribe(registration, key)
  } catch (trouble) {
    await unsubscribe(registration)
    throw trouble
  }
  chooseAlerts({ push: account.id })
  return true
}

/** Take it back. The service forgets this browser first: what the browser does afterwards cannot keep it from that. */
export async function takePushBack() {
  await remove(PUSH)
  chooseAlerts({ push: null })
  await unsubscribe(await registered())
}

/** Renew what was chosen, as a page opens. What somebody else had chosen in this browser ends. */
export async function followPush(account) {
  try {
    const registration = await registered()
    if (!registration?.pushManager) return
    if (!isPushChosen(account)) return await unsubscribe(registration)
    const key = await findPushKey(account)
    if (key) await subscribe(registration, key)
  } catch {
    // No network, or a push service that is away: the next page that opens tries again.
  }
}

/** The account signs out here: this browser is told by push no more. The worker sees to it, as the page is about to go. */
export async function leavePush() {
  if (!chosenAlerts().push) return
  chooseAlerts({ push: null })
  const registration = await registered()
  registration?.active?.postMessage({ type: "unsubscribe" })
}

// Internal

async function subscribe(registration, key) {
  const known = await registration.pushManager.getSubscription()
  const isOurs = known && toBase64(known.options.applicationServerKey) === key
  if (known && !isOurs) await known.unsubscribe()
  const wish = { userVisibleOnly: true, applicationServerKey: fromBase64(key) }
  const subscription = isOurs ? known : await registration.pushManager.subscribe(wish)
  await put(PUSH, subscription.toJSON())
}

const unsubscribe = async (registration) => (await registration?.pushManager.getSubscription())?.unsubscribe()
