/* <sign-in-page>: after signing in, everybody goes to where their role is at home. */

import { homeOf } from "../../models/accounts/session.js"
import "./sign-in-form.js"

export class SignInPage extends HTMLElement {
  connectedCallback() {
    this.addEventListener("signed-in", ({ detail }) => location.replace(homeOf(detail.account.role)))
  }
}

customElements.define("sign-in-page", SignInPage)
