/* Sorts conversations by need: unanswered first, the longest wait above; then those that wait for the member; then those quiet for long; then silent ones; closed ones at the end. */

import { now } from "../../helpers/server-clock.js"
import { folded } from "../../helpers/words/text.js"

const LONG = 21 * 24 * 3_600_000

export function queueOf(threads, filter = "") {
  const wanted = folded(filter.trim())
  const found = [...threads].filter((thread) => folded(thread.member?.first_name ?? "").includes(wanted))
  const shown = found.filter(({ closedAt }) => !closedAt)
  const answered = sorted(
    shown.filter(({ waitingSince, last }) => !waitingSince && last),
    ({ last }) => -Date.parse(last.at),
  )
  const place = answered.findIndex(({ last }) => isOld(last))
  const firstOld = place === -1 ? answered.length : place
  return {
    waiting: sorted(
      shown.filter(({ waitingSince }) => waitingSince),
      ({ waitingSince }) => Date.parse(waitingSince),
    ),
    answered: answered.slice(0, firstOld),
    quiet: answered.slice(firstOld),
    silent: shown.filter(({ waitingSince, last }) => !waitingSince && !last),
    closed: sorted(
      found.filter(({ closedAt }) => closedAt),
      ({ closedAt }) => -Date.parse(closedAt),
    ),
  }
}

const isOld = ({ at }) => now() - Date.parse(at) > LONG

/** Sort by a number that is asked for once of each: reading a date costs more than comparing two. */
function sorted(threads, numberOf) {
  const pairs = threads.map((thread) => [numberOf(thread), thread])
  return pairs.sort(([one], [other]) => one - other).map(([, thread]) => thread)
}
