/* Sorts conversations by need: unanswered first, the longest wait above; then those that wait for the member; then those quiet for long; then silent ones. */

import { now } from "../helpers/clock.js"
import { folded } from "../helpers/text.js"

const LONG = 21 * 24 * 3_600_000

export function queueOf(threads, filter = "") {
  const wanted = folded(filter.trim())
  const shown = [...threads].filter((thread) => folded(thread.member?.first_name ?? "").includes(wanted))
  const answered = shown.filter(({ waitingSince, last }) => !waitingSince && last).sort((one, other) => compare(other.last.at, one.last.at))
  return {
    waiting: shown.filter(({ waitingSince }) => waitingSince).sort((one, other) => compare(one.waitingSince, other.waitingSince)),
    answered: answered.filter(({ last }) => !isOld(last)),
    quiet: answered.filter(({ last }) => isOld(last)),
    silent: shown.filter(({ waitingSince, last }) => !waitingSince && !last),
  }
}

const isOld = ({ at }) => now() - Date.parse(at) > LONG
const compare = (one, other) => Date.parse(one) - Date.parse(other)
