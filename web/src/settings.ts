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
 * Give it a `latchkey` client, or a `base-url` and it signs in from the cookie by itself.
 *
 * @fires latchkey-signed-out - `detail.reason`: a SignedOutReason of the client
 * @fires latchkey-sign-in - the person wants to sign in again
 * @fires latchkey-section - `detail.section` is shown now
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
  private spoken = "";
  private over: SignedOutReason | null = null;
  private purgeAt: string | null = null;
  private requested: Language = "en";
  private pendingFocus: string | null = null;
  private heard: Latchkey | undefined;
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
    this.heard = undefined;
    this.shown?.close?.();
    this.shown = undefined;
  }

  /** Hear of it when another tab signs out, or in. */
  private listen(): void {
    if (!this.latchkey && this.baseUrl !== undefined) this.latchkey = createLatchkey({ mode: "cookie", baseUrl: this.baseUrl });
    if (!this.latchkey || this.heard === this.latchkey) return;
    this.unsubscribe?.();
    this.heard = this.latchkey;
    this.unsubscribe = this.latchkey.subscribe(() => this.met());
    this.met();
  }

  private met(): void {
    const person = this.latchkey.signedIn?.accountId;
    if (person === undefined) return void this.ended();
    if (this.over || (this.person !== undefined && person !== this.person)) {
      // Somebody else, or again: nothing of before is theirs to see.
      this.forget();
      this.over = this.purgeAt = null;
    }
    this.person = person;
    this.changed();
  }

  private language(): void {
    const wishes = this.lang ? [this.lang] : [document.documentElement.lang, ...navigator.languages].filter(Boolean);
    const language = (this.requested = pickLanguage(wishes));
    const messages = messagesIn(language);
    if ("then" in messages) messages.then((loaded) => this.read(language, loaded), () => this.read("en", messagesIn("en") as Messages));
    else this.read(language, messages);
  }

  private read(language: Language, messages: Messages): void {
    if (this.messages && language !== this.requested) return; // the language has changed meanwhile
    this.messages = messages;
    // The reader's region decides on dates: "en" on the page is "en-GB" to somebody in Leeds.
    this.format = new Format([...navigator.languages, language].find((wish) => wish.split("-")[0] === language)!);
    this.changed();
  }

  // --- SectionContext ---

  changed(): void {
    this.requestUpdate();
  }

  announce(text: string): void {
    this.spoken = "";
    this.changed();
    // A screen reader says again what it has said before only when it comes anew.
    void this.updateComplete.then(() => {
      this.spoken = text;
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
    if (reason && !this.over) {
      this.over = reason;
      this.forget();
      this.focusOn("#over");
      this.dispatchEvent(new CustomEvent("latchkey-signed-out", { detail: { reason }, bubbles: true, composed: true }));
    }
    return this.over !== null;
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

  /** Nothing of this person stays on the screen or in memory. */
  private forget(): void {
    this.dialogs = [];
    this.shown = undefined;
    for (const section of this.sections) section.reset();
  }

  // --- drawing ---

  protected override willUpdate(changes: Map<string, unknown>): void {
    if (changes.has("lang")) this.language();
    this.listen();
    if (!this.latchkey || this.over || !this.messages) return;
    const next = this.sections.find((section) => section.name === this.section) ?? this.sections[0];
    if (next === this.shown) return;
    this.shown?.close?.();
    this.shown = next;
    next?.open();
    void this.updateComplete.then(() => {
      // On a phone the sections are a strip that is wider than the screen.
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
    if (this.over) return this.farewell(this.over);
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
      <div class="visually-hidden" aria-live="polite">${this.spoken}</div>
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
    // Closing first gives the focus back to what opened it.
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

  private farewell(reason: SignedOutReason): View {
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
// For the page beside it, which so loads nothing twice.
export { LitElement, html, nothing };
