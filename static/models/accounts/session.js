/* Who is signed in: the routes of the session and of the account, and the news of signing out between tabs. */

import { Refusal, askAhead, get, post, remove } from "../../helpers/api.js"

const DRAFT_KEY = "/api/account/draft-key"

const tabs = "BroadcastChannel" in globalThis ? new BroadcastChannel("ailo") : null

export const currentAccount = async () => (await get("/api/account")).account
export const draftKey = async () => (await get(DRAFT_KEY)).key

/** Ask ahead for what a page of signed-in people needs next. */
export const askDraftKeyAhead = () => askAhead(DRAFT_KEY)

/** Begin a session, and tell the other tabs of this browser, which share it. */
export async function signIn(email, password) {
  const { account } = await post("/api/session", { email, password })
  tabs?.postMessage({ signedIn: account.id })
  return account
}

/** Begin a session with a recovery code, which is spent by it, and a new password. */
export async function recover(email, code, password) {
  const { account } = await post("/api/session/recovery", { email, code, password })
  tabs?.postMessage({ signedIn: account.id })
  return account
}

/** End the session here and tell the other tabs of this browser. A session that is over already is no error. */
export async function signOut(account) {
  try {
    await remove("/api/session")
  } catch (refusal) {
    if (!(refusal instanceof Refusal) || refusal.status !== 401) throw refusal
  }
  tabs?.postMessage({ signedOut: account.id })
}

/** Call back when another tab of this browser signs the account out. */
export function onSignOutElsewhere(account, callback) {
  tabs?.addEventListener("message", ({ data }) => data?.signedOut === account.id && callback())
}

/** Call back when another tab of this browser signs the account in. */
export function onSignInElsewhere(account, callback) {
  tabs?.addEventListener("message", ({ data }) => data?.signedIn === account.id && callback())
}

/** The account's keys were made anew here: what other tabs keep must be kept under the new one. */
export const tellKeysChanged = (account) => tabs?.postMessage({ keysChanged: account.id })

export function onKeysChangedElsewhere(account, callback) {
  tabs?.addEventListener("message", ({ data }) => data?.keysChanged === account.id && callback())
}

const HOMES = { member: "/member", administrator: "/mail" }

/** Name the page where a role is at home. */
export const homeOf = (role) => HOMES[role] ?? "/dashboard"
