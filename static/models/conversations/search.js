/* Search in one's own conversations; the service looks through them while one is signed in, and keeps nothing of it. */

import { post } from "../../helpers/api.js"
import { pause } from "../../helpers/delay.js"

/**
 * Look for words, in one thread or in all; `from` goes on where an answer said. Gives {found, next}. The words go in the body:
 * an address would be written into the logs of proxies. When the service is too busy, it is asked again as long as `isWanted`.
 * @param {string} words
 * @param {{ thread?: { id: string }, from?: string, isWanted?: () => boolean }} [options]
 */
export async function search(words, options = {}) {
  const { thread, from, isWanted = () => true } = options
  for (;;) {
    try {
      return await post("/api/search", {
        q: words,
        ...(thread && { thread: thread.id }),
        ...(from && { from }),
      })
    } catch (refusal) {
      if (refusal.code !== "slow_down" || !isWanted()) throw refusal
      await pause(1000 * refusal.retryAfter)
    }
  }
}
