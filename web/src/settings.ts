import { LitElement } from "lit";
import { LatchkeyError, createLatchkey, type Latchkey, type SignedOutReason } from "latchkey";
import { Cancelled, button, codeOf, describe, html, nothing, secret, submitted, type DialogSpec, type SectionContext, type Section, type View } from "./core.js";
import { Format } from "./format.js";
import { lookUp, pickLanguage, messagesIn, type Language, type Messages } from "./messages.js";
import { Activity } from "./sections/activity.js";
import { Data } from "./sections/data.js";
import { Devices } from "./sections/devices.js";
import { Password } from "./sections/password.js";
import { Preferences } from "./sections/preferences.js";
import { Profile } from "./sections/profile.js";
import { styles } from "./styles.js";

interface OpenDialog {
  spec: DialogSpec;
  busy: boolean;
  error: unknown;
}

/**
 * A person's settings: profile, preferences, devices, history, password, data.
 *
 * Set `latchkey` to a client, or `base-url`: then it creates a client that uses the cookie.
 *
 * @fires latchkey-signed-out - `detail.reason`: a SignedOutReason of the client
 * @fires latchkey-sign-in - the person wants to sign in again
 * @fires latchkey-section - the section `detail.section` is shown
 */
export class LatchkeySettings extends LitElement implements SectionContext {
  static override styles = styles;
  static override properties = {
    latchkey: { attribute: false },
    baseUrl: { attribute: "base-url" },
    section: { reflect: true },
    lang: {},
  };

  declare latchkey: Latchkey;
  declare baseUrl: string | undefined;
  declare section: string;
  declare lang: string;

  messages!: Messages;
  format!: Format;
  private readonly sections: Section[];
  private shown: Section | undefined;
  private dialogs: OpenDialog[] = [];
  private announcement = "";
  private signedOut: SignedOutReason | null = null;
  private purgeAt: string | null = null;
  private requested: Language = "en";
  private pendingFocus: string | null = null;
  private subscribedTo: Latchkey | undefined;
  private unsubscribe: (() => void) | undefined;
  private person: string | undefined;

  constructor() {
    super();
    this.section = "profile";
    const profile = new Profile(this);
    this.sections = [
      profile,
      new Preferences(this),
      new Devices(this),
      new Activity(this),
      new Password(this),
      new Data(this, () => profile.account()),
    ];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.language();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.unsubscribe?.();
    this.subscribedTo = undefined;
    this.shown?.close?.();
    this.shown = undefined;
  }

  /** Subscribe to sign-ins and sign-outs, also of other tabs. */
  private listen(): void {
    if (!this.latchkey && this.baseUrl !== undefined) this.latchkey = createLatchkey({ mode: "cookie", baseUrl: this.baseUrl });
    if (!this.latchkey || this.subscribedTo === this.latchkey) return;
    this.unsubscribe?.();
    this.subscribedTo = this.latchkey;
    this.unsubscribe = this.latchkey.subscribe(() => this.onSessionChange());
    this.onSessionChange();
  }

  private onSessionChange(): void {
    const person = this.latchkey.signedIn?.accountId;
    if (person === undefined) return void this.ended();
    if (this.signedOut || (this.person !== undefined && person !== this.person)) {
      // Another person, or a new sign-in: remove the data of the previous one.
      this.forget();
      this.signedOut = this.purgeAt = null;
    }
    this.person = person;
    this.changed();
  }

  private language(): void {
    const preferred = this.lang ? [this.lang] : [document.documentElement.lang, ...navigator.languages].filter(Boolean);
    const language = (this.requested = pickLanguage(preferred));
    const messages = messagesIn(language);
    if ("then" in messages) messages.then((loaded) => this.useMessages(language, loaded), () => this.useMessages("en", messagesIn("en") as Messages));
    else this.useMessages(language, messages);
  }

  private useMessages(language: Language, messages: Messages): void {
    if (this.messages && language !== this.requested) return; // another language was chosen in the meantime
    this.messages = messages;
    // The region of the browser's language determines the format of dates: "en-GB", not only "en".
    this.format = new Format([...navigator.languages, language].find((tag) => tag.split("-")[0] === language)!);
    this.changed();
  }

  // --- SectionContext ---

  changed(): void {
    this.requestUpdate();
  }

  announce(text: string): void {
    this.announcement = "";
    this.changed();
    // A screen reader repeats a text only if it was removed before.
    void this.updateComplete.then(() => {
      this.announcement = text;
      this.changed();
    });
  }

  openDialog(spec: DialogSpec): void {
    this.dialogs.push({ spec, busy: false, error: undefined });
    this.changed();
  }

  async recently<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (codeOf(error) !== "REAUTHENTICATION_REQUIRED") throw error;
    }
    const { messages } = this;
    await new Promise<void>((done, fail) => {
      this.openDialog({
        title: messages.stepUpTitle,
        confirm: messages.stepUpConfirm,
        content: () => html`<p class="muted">${messages.stepUpText}</p>
          ${secret(this, "step_up_password", messages.password, "current-password")}`,
        submit: async (form) => {
          await this.latchkey.reauthenticate(String(form.get("step_up_password")));
          done();
        },
        cancelled: () => fail(new Cancelled()),
      });
    });
    return action();
  }

  ended(): boolean {
    const reason = this.latchkey.signedIn ? null : this.latchkey.signedOut;
    if (reason && !this.signedOut) {
      this.signedOut = reason;
      this.forget();
      this.focusOn("#over");
      this.dispatchEvent(new CustomEvent("latchkey-signed-out", { detail: { reason }, bubbles: true, composed: true }));
    }
    return this.signedOut !== null;
  }

  deleted(purgeAt: string): void {
    this.purgeAt = purgeAt;
    this.focusOn("#over");
  }

  show(name: string): void {
    this.section = name;
    this.dispatchEvent(new CustomEvent("latchkey-section", { detail: { section: name }, bubbles: true, composed: true }));
  }

  focusOn(selector: string): void {
    this.pendingFocus = selector;
    this.changed();
  }

  /** Remove all data of the person from the screen and from memory. */
  private forget(): void {
    this.dialogs = [];
    this.shown = undefined;
    for (const section of this.sections) section.reset();
  }

  // --- rendering ---

  protected override willUpdate(changes: Map<string, unknown>): void {
    if (changes.has("lang")) this.language();
    this.listen();
    if (!this.latchkey || this.signedOut || !this.messages) return;
    const next = this.sections.find((section) => section.name === this.section) ?? this.sections[0];
    if (next === this.shown) return;
    this.shown?.close?.();
    this.shown = next;
    next?.open();
    void this.updateComplete.then(() => {
      // On a phone the navigation is wider than the screen: scroll to the current section.
      const chosen = this.renderRoot.querySelector<HTMLElement>("nav [aria-current]");
      const strip = chosen?.closest("nav");
      if (chosen && strip) strip.scrollLeft = chosen.offsetLeft - (strip.clientWidth - chosen.offsetWidth) / 2;
    });
  }

  protected override updated(): void {
    for (const dialog of this.renderRoot.querySelectorAll("dialog")) if (!dialog.open) dialog.showModal();
    if (this.pendingFocus) {
      const found = this.renderRoot.querySelector<HTMLElement>(this.pendingFocus);
      this.pendingFocus = null;
      found?.focus();
    }
  }

  protected override render(): View {
    const { messages } = this;
    if (!messages) return nothing;
    if (this.signedOut) return this.signedOutView(this.signedOut);
    if (!this.shown) return nothing;
    const lead = this.shown.lead(messages);
    return html`
      <div class="frame" part="frame">
        <nav aria-label=${messages.nav} part="nav">
          <ul>${this.sections.map((section) => html`<li><button type="button" data-section=${section.name} aria-current=${section === this.shown ? "page" : nothing}
            @click=${() => this.go(section)}>${section.icon}${section.title(messages)}</button></li>`)}</ul>
        </nav>
        <div class="content" part="content">
          <header class="heading">
            <h2 id="title" tabindex="-1">${this.shown.title(messages)}</h2>
            ${lead ? html`<p class="muted">${lead}</p>` : nothing}
          </header>
          ${this.shown.render()}
        </div>
      </div>
      ${this.dialogs.map((dialog) => this.dialog(dialog))}
      <div class="visually-hidden" aria-live="polite">${this.announcement}</div>
    `;
  }

  private go(section: Section): void {
    this.show(section.name);
    this.focusOn("#title");
  }

  private dialog(dialog: OpenDialog): View {
    const { messages } = this;
    const { spec } = dialog;
    return html`<dialog part="dialog" aria-labelledby="dialog-title-${this.dialogs.indexOf(dialog)}"
      @cancel=${(event: Event) => { event.preventDefault(); this.dismiss(dialog, event); }}>
      <form @submit=${(event: SubmitEvent) => void this.confirm(dialog, event)}>
        <h3 id="dialog-title-${this.dialogs.indexOf(dialog)}">${spec.title}</h3>
        ${spec.content()}
        ${dialog.error === undefined ? nothing : html`<p class="problem" role="alert">${describe(this, dialog.error)}
          ${dialog.error instanceof LatchkeyError && dialog.error.requestId && dialog.error.status >= 500
            ? html`<span class="mono">${dialog.error.requestId}</span>` : nothing}</p>`}
        <div class="row end">
          ${button(messages.cancel, (event) => this.dismiss(dialog, event))}
          <button class="button ${spec.danger ? "danger solid" : "primary"}" part="button" aria-disabled=${dialog.busy}>${spec.confirm}</button>
        </div>
      </form>
    </dialog>`;
  }

  private dismiss(dialog: OpenDialog, event: Event): void {
    if (dialog.busy) return;
    this.closeDialog(dialog, event.currentTarget as HTMLElement);
    dialog.spec.cancelled?.();
  }

  private closeDialog(dialog: OpenDialog, inside: HTMLElement): void {
    // Close it first: this returns the focus to the element that opened it.
    inside.closest("dialog")?.close();
    this.dialogs = this.dialogs.filter((open) => open !== dialog);
    this.changed();
  }

  private async confirm(dialog: OpenDialog, event: SubmitEvent): Promise<void> {
    const form = event.currentTarget as HTMLFormElement;
    const values = submitted(event);
    if ((event.submitter as HTMLButtonElement | null)?.value === "cancel") return this.dismiss(dialog, event);
    if (dialog.busy) return;
    dialog.busy = true;
    dialog.error = undefined;
    this.changed();
    try {
      await dialog.spec.submit(values);
      dialog.busy = false;
      this.closeDialog(dialog, form);
      dialog.spec.then?.();
    } catch (error) {
      dialog.busy = false;
      if (!(error instanceof Cancelled) && !this.ended()) {
        dialog.error = error;
        this.focusOn("dialog:last-of-type input");
      }
      this.changed();
    }
  }

  private signedOutView(reason: SignedOutReason): View {
    const { messages, purgeAt } = this;
    const title = purgeAt ? messages.deletedTitle : messages.endedTitle;
    const text = purgeAt ? messages.deletedText(this.format.date(purgeAt)) : lookUp(messages, `ended_${reason}`) ?? messages.ended_REFRESH_TOKEN_INVALID;
    return html`<section class="card ended" part="card signed-out">
      <h2 id="over" tabindex="-1">${title}</h2>
      <p class="muted" role="status">${text}</p>
      ${purgeAt ? nothing : button(messages.signInAgain, () => this.dispatchEvent(
        new CustomEvent("latchkey-sign-in", { bubbles: true, composed: true })), { kind: "primary" })}
    </section>`;
  }
}

if (!customElements.get("latchkey-settings")) customElements.define("latchkey-settings", LatchkeySettings);

declare global {
  interface HTMLElementTagNameMap {
    "latchkey-settings": LatchkeySettings;
  }
}

export { LatchkeyError, createLatchkey, pickLanguage, messagesIn };
export type { Latchkey };
// For the page, so that it does not load them twice.
export { LitElement, html, nothing };
