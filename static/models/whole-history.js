/* Reads a whole conversation, page by page, as fast as the service allows. */

import { get } from "../helpers/api.js"
import { pause } from "../helpers/delay.js"

const PAGE = 100

/** Give all messages of a thread that one may read; `note` is called with how many there are so far. */
export async function wholeHistory(thread, note) {
  const messages = []
  let page
  do {
    page = await patiently(() => get(`/api/threads/${thread.id}/messages?after=${messages.at(-1)?.seq ?? 0}&limit=${PAGE}`))
    messages.push(...page.messages)
    note(messages.length)
  } while (page.messages.length === PAGE)
  return messages
}

async function patiently(action) {
  for (;;) {
    try {
      return await action()
    } catch (refusal) {
      if (refusal.status !== 429) throw refusal
      await pause(1000 * (refusal.retryAfter || 1))
    }
  }
}
