/* Who can read a thread, and how staff change it. */

import { get, post, remove } from "../../helpers/api.js"

export const accessOf = (thread) => get(`/api/threads/${thread.id}/access`)
export const colleagues = async () => (await get("/api/colleagues")).colleagues

/** `history` is from_now or whole: what the newcomer may read of what was written before. */
export const bringIn = (thread, account, history) =>
  post(`/api/threads/${thread.id}/participants`, { account, history })
export const handOver = (thread, account, history) =>
  post(`/api/threads/${thread.id}/hand-over`, { account, history })
export const leave = (thread) => remove(`/api/threads/${thread.id}/participants/me`)
