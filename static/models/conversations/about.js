/* What there is to know about a conversation beside its messages, and how staff say that they answer. Asks the service. */

import { get, post, put } from "../../helpers/api.js"

export const practice = () => get("/api/account/practice")
export const sayPractice = (said) => put("/api/account/practice", said)

/** Close a conversation that was read so far; a message that came meanwhile is not closed over (moved_on). */
export const close = (thread) => post(`/api/threads/${thread.id}/close`, { last_seq: thread.readSeq })
export const reopen = (thread) => post(`/api/threads/${thread.id}/reopen`)

let last = Promise.resolve()

/** Learn about a thread; one after the other, however many have changed at once. Nothing is said where it cannot be had. */
export function learnAbout(thread) {
  last = last.then(() => ask(thread)).catch(() => null)
  return last
}

/** What a message has overtaken meanwhile is asked again: it may have opened what was closed. */
async function ask(thread) {
  const { lastSeq } = thread
  const about = await get(`/api/threads/${thread.id}/about`)
  if (thread.lastSeq === lastSeq) thread.noteAbout(about)
  else await ask(thread)
}
