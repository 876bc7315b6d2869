/* Asks the JSON routes. Whatever goes wrong comes back as one kind of error, a Refusal. */

import { noteServerTime } from "./server-clock.js"

const PATIENCE = 20_000

export class Refusal extends Error {
  constructor({ status = 0, code = "unreachable", message = "", retryAfter = 0 }) {
    super(message || code)
    this.status = status
    this.code = code
    this.said = message
    this.retryAfter = retryAfter
  }
}

const ahead = new Map()

/** Ask for something that is wanted in a moment, while something else is still on its way. */
export function askAhead(path) {
  ahead.set(
    path,
    ask("GET", path).catch(() => null),
  )
}

/** Ask for something; what was asked ahead is taken once, and asked again where it failed. */
export async function get(path) {
  const early = ahead.get(path)
  ahead.delete(path)
  return (await early) ?? ask("GET", path)
}

export const post = (path, body) => ask("POST", path, body)
export const put = (path, body, options) => ask("PUT", path, body, options)
export const patch = (path, body) => ask("PATCH", path, body)
export const remove = (path) => ask("DELETE", path)

async function ask(method, path, body, options) {
  const answer = await reach(method, path, body, options)
  if (answer.status === 204) return null
  const content = await answer.json().catch(() => null)
  if (answer.ok && content) return content
  throw refusalFrom(answer, content)
}

async function reach(method, path, body, options) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" }
  const signal = /** @type {any} */ (AbortSignal).timeout(PATIENCE)
  try {
    const answer = await fetch(path, { method, headers, body: JSON.stringify(body), signal, ...options })
    noteServerTime(answer.headers.get("Date"))
    return answer
  } catch {
    throw new Refusal({ message: "" })
  }
}

function refusalFrom(answer, content) {
  const { code = answer.ok ? "unreadable" : "failed", message = "" } = content?.error ?? {}
  const retryAfter = Number(answer.headers.get("Retry-After")) || 0
  return new Refusal({ status: answer.status, code, message, retryAfter })
}
