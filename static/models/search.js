/* Search in one's own conversations; the service looks through them while one is signed in, and keeps nothing of it. */

import { get } from "../helpers/api.js"

/** Look for words, in one thread or in all; `from` goes on where an answer said. Gives {found, next}. */
export function search(words, { thread, from } = {}) {
  const query = new URLSearchParams({ q: words, ...(thread && { thread: thread.id }), ...(from && { from }) })
  return get(`/api/search?${query}`)
}
