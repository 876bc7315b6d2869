/* A short soft tone, made here: two notes that fade. */

const NOTES = [
  { pitch: 587.3, at: 0 },
  { pitch: 783.99, at: 0.13 },
]
const LENGTH = 0.45
const LOUDNESS = 0.06

let audio

/** Play it. A page that nobody has touched yet may make no sound. */
export function playTone() {
  if (!globalThis.AudioContext || navigator.userActivation?.hasBeenActive === false) return
  audio ??= new AudioContext()
  audio.resume()
  for (const { pitch, at } of NOTES) playNote(pitch, audio.currentTime + at)
}

function playNote(pitch, at) {
  const note = new OscillatorNode(audio, { frequency: pitch })
  const fading = new GainNode(audio, { gain: 0 })
  fading.gain.setValueAtTime(0, at)
  fading.gain.linearRampToValueAtTime(LOUDNESS, at + 0.02)
  fading.gain.exponentialRampToValueAtTime(0.0001, at + LENGTH)
  note.connect(fading).connect(audio.destination)
  note.start(at)
  note.stop(at + LENGTH)
}
