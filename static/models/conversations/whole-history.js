/* Reads a whole conversation, page by page, as fast as the service allows. */

import { get } from "../../helpers/api.js"
import { pause } from "../../helpers/delay.js"

const PAGE = 100

/**
 * Give all messages of a thread that one may read, those after a number or from the beginning; `note` is called with how many
 * there are so far, and ends it by giving false.
 */
export async function wholeHistory(thread, note, after = 0) {
  const messages = []
  let page
  do {
    page = await patiently(() =>
      get(`/api/threads/${thread.id}/messages?after=${messages.at(-1)?.seq ?? after}&limit=${PAGE}`),
    )
    messages.push(...page.messages)
  } while (note(messages.length) !== false && page.messages.length === PAGE)
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
