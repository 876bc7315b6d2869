/*
  The live line to the service. It opens again by itself, at a random moment that moves away (see backoff), or at once when
  it is woken: the page is shown again, the network is back. It only carries frames; what they mean is the business of Correspondence.

  States: connecting (never was live) · live · reconnecting · offline (the browser says there is no network) · ended (signed out).
*/

import { backoff } from "../../helpers/delay.js"

const PROTOCOL = "ailo.v1"
const SIGNED_OUT = 4401
const HEARTBEAT = 20_000
const PATIENCE = 6_000
const PROBE = { type: "resume", threads: {} } // Always answered by `resumed`: a half-open line stays silent instead.

export class Connection extends EventTarget {
  state = "connecting"
  #socket = null
  #attempt = 0
  #retry
  #heartbeat
  #deadline

  // Lifecycle

  open() {
    clearTimeout(this.#retry)
    if (this.#socket || this.state === "ended") return
    const socket = new WebSocket(address(), PROTOCOL)
    this.#socket = socket
    socket.onmessage = ({ data }) => socket === this.#socket && this.#take(data)
    socket.onclose = ({ code }) => socket === this.#socket && this.#lose(code)
    this.#expectAnswer(PATIENCE * 2)
  }

  /** Let go of the line, to open it again later; nothing is said to have ended. */
  close() {
    clearTimeout(this.#retry)
    this.#drop()
    if (this.state === "live") this.#become("reconnecting")
  }

  /** Begin anew after signing in again. */
  restart() {
    this.#drop()
    this.#attempt = 0
    this.#become("reconnecting")
    this.open()
  }

  // Actions

  /** Send a frame if the line is live; tell whether it left. */
  send(frame) {
    if (this.state !== "live") return false
    this.#socket.send(JSON.stringify(frame))
    return true
  }

  /** The page is shown again or the network is back: open at once, or make sure that the line still lives. */
  wake() {
    if (this.state === "live") return this.#probe()
    if (this.state === "offline") this.#become("reconnecting")
    this.#attempt = 0
    if (!this.#socket) this.open()
  }

  /** The browser lost its network. */
  sleep() {
    this.#drop()
    clearTimeout(this.#retry)
    if (this.state !== "ended") this.#become("offline")
  }

  end() {
    clearTimeout(this.#retry)
    this.#drop()
    this.#become("ended")
  }

  // Internal

  #take(data) {
    const frame = JSON.parse(data)
    clearTimeout(this.#deadline)
    this.#scheduleProbe()
    if (frame.type === "hello") this.#greet(frame)
    else this.#pass(frame)
  }

  /** The resume, which answers `hello`, is the first frame: the service holds what is live until then. */
  #greet(hello) {
    this.#attempt = 0
    const isNews = this.state !== "live"
    this.state = "live"
    this.#pass(hello)
    if (isNews) this.#tellState()
  }

  #pass(frame) {
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }))
  }

  #lose(code) {
    this.#drop()
    if (code === SIGNED_OUT) return this.#become("ended")
    if (this.state !== "connecting") this.#become(isOffline() ? "offline" : "reconnecting")
    this.#retry = setTimeout(() => this.open(), backoff(this.#attempt++))
  }

  #drop() {
    const socket = this.#socket
    this.#socket = null
    clearTimeout(this.#deadline)
    clearTimeout(this.#heartbeat)
    socket?.close()
  }

  #scheduleProbe() {
    clearTimeout(this.#heartbeat)
    this.#heartbeat = setTimeout(() => this.#probe(), HEARTBEAT)
  }

  #probe() {
    if (this.send(PROBE)) this.#expectAnswer(PATIENCE)
  }

  #expectAnswer(patience) {
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.#lose(0), patience)
  }

  #become(state) {
    if (state === this.state) return
    this.state = state
    this.#tellState()
  }

  #tellState() {
    this.dispatchEvent(new CustomEvent("state", { detail: this.state }))
  }
}

const isOffline = () => globalThis.navigator?.onLine === false

function address() {
  const place = new URL("/ws", globalThis.location.href)
  place.protocol = place.protocol === "https:" ? "wss:" : "ws:"
  return place.href
}
