/* Cuts what was found out of a text, accents ignored. */

import { folded } from "./text.js"

const BEFORE = 60
const AFTER = 140

/** Cut the part of a text around the first word looked for: pieces {text, isFound}, the words marked in it. */
export function excerpt(text, words) {
  const places = placesOf(text, words.map(folded).filter(Boolean))
  const from = Math.max(0, (places[0]?.[0] ?? 0) - BEFORE)
  const to = Math.min(text.length, from + BEFORE + AFTER)
  const pieces = [{ text: from > 0 ? "…" : "" }]
  let at = from
  for (const [start, end] of places) {
    if (start < at || end > to) continue
    pieces.push({ text: text.slice(at, start) }, { text: text.slice(start, end), isFound: true })
    at = end
  }
  pieces.push({ text: text.slice(at, to) }, { text: to < text.length ? "…" : "" })
  return pieces.filter((piece) => piece.text)
}

/** Find words in a text by their folded letters; gives [start, end] in the text as written, in order. */
function placesOf(text, words) {
  let plain = ""
  const origins = []
  let at = 0
  for (const letter of text) {
    const flat = folded(letter)
    plain += flat
    for (let n = 0; n < flat.length; n += 1) origins.push(at)
    at += letter.length
  }
  origins.push(at)
  return words
    .flatMap((word) => everyPlace(plain, word).map((place) => [origins[place], origins[place + word.length]]))
    .sort(([one], [other]) => one - other)
}

function everyPlace(text, word) {
  const places = []
  for (let place = text.indexOf(word); place !== -1; place = text.indexOf(word, place + word.length))
    places.push(place)
  return places
}
