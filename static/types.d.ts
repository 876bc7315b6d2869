// What `tsc` is told beside the modules, for checking alone: nothing of this is served.

import type { AccessList } from "./elements/conversations/access-list.js"
import type { AccountMenu } from "./elements/shell/account-menu.js"
import type { AccountSheet } from "./elements/accounts/account-sheet.js"
import type { ColleaguesSheet } from "./elements/conversations/sheets/colleagues-sheet.js"
import type { ConnectionState } from "./elements/pieces/connection-state.js"
import type { ConversationView } from "./elements/conversations/conversation-view.js"
import type { DashboardPage } from "./elements/shell/dashboard-page.js"
import type { MemberPage } from "./elements/shell/member-page.js"
import type { MessageComposer } from "./elements/conversations/log/message-composer.js"
import type { MessageLog } from "./elements/conversations/log/message-log.js"
import type { MessageRow } from "./elements/conversations/log/message-row.js"
import type { OfflinePage } from "./elements/shell/offline-page.js"
import type { PrivateNote } from "./elements/staff/private-note.js"
import type { RepliesSheet } from "./elements/staff/replies-sheet.js"
import type { SearchSheet } from "./elements/conversations/sheets/search-sheet.js"
import type { SessionPanel } from "./elements/auth/session-panel.js"
import type { SignInForm } from "./elements/auth/sign-in-form.js"
import type { SignInPage } from "./elements/auth/sign-in-page.js"
import type { ThreadList } from "./elements/conversations/list/thread-list.js"
import type { ThreadSwitcher } from "./elements/conversations/list/thread-switcher.js"
import type { WaysOffer } from "./elements/accounts/ways-offer.js"

declare global {
  // Every element of these pages is one of HTML, and events between them carry a detail.
  interface Element {
    connection?: any
    dataset: DOMStringMap
    hidden: boolean
    focus(options?: FocusOptions): void
    click(): void
    checkVisibility(): boolean
  }
  interface HTMLElement {
    showPopover(): void
    hidePopover(): void
  }
  interface Event {
    detail?: any
  }
  // Newer than the compiler.
  interface Navigator {
    userActivation: { hasBeenActive: boolean; isActive: boolean }
  }
  interface Array<T> {
    findLast(predicate: (value: T, index: number) => unknown): T | undefined
  }
  namespace Intl {
    function supportedValuesOf(key: string): string[]
  }
  // Our own elements, as they are found by their names.
  interface HTMLElementTagNameMap {
    "access-list": AccessList
    "account-menu": AccountMenu
    "account-sheet": AccountSheet
    "colleagues-sheet": ColleaguesSheet
    "connection-state": ConnectionState
    "conversation-view": ConversationView
    "dashboard-page": DashboardPage
    "member-page": MemberPage
    "message-composer": MessageComposer
    "message-log": MessageLog
    "message-row": MessageRow
    "offline-page": OfflinePage
    "private-note": PrivateNote
    "replies-sheet": RepliesSheet
    "search-sheet": SearchSheet
    "session-panel": SessionPanel
    "sign-in-form": SignInForm
    "sign-in-page": SignInPage
    "thread-list": ThreadList
    "thread-switcher": ThreadSwitcher
    "ways-offer": WaysOffer
  }
}
