/* The words of what is loaded only when it is asked for; whoever imports this has them. */

import { learn } from "./words.js"

await learn("more")
