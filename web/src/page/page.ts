/** The page around the element: sign-in, registration, and targets of emailed links. */

import type { ReportedSessionView } from "latchkey";
import { LatchkeyError, LitElement, createLatchkey, html, nothing, pickLanguage, messagesIn } from "../settings.js";
import { MESSAGES, type Messages } from "./messages.js";

type Field = "email" | "login" | "password" | "new_password" | "full_name" | "code";

interface Screen {
  title: keyof Messages;
  lead: keyof Messages;
  go: keyof Messages;
  done?: keyof Messages;
  fields: Field[];
  /** The submit handler. */
  path?: string;
  /** The target of an emailed link with a token. */
  token?: boolean;
}

const SCREENS: Record<string, Screen> = {
  "/": { title: "signIn", lead: "signInLead", go: "signIn", fields: ["login", "password"] },
  "/register": { title: "register", lead: "registerLead", go: "register", fields: ["full_name", "email", "new_password"] },
  "/forgot-password": { title: "forgotTitle", lead: "forgotLead", go: "send", done: "sent", fields: ["email"], path: "/api/v1/auth/password/forgot" },
  "/resend-verification": { title: "verifyTitle", lead: "resendLead", go: "send", done: "sentVerify", fields: ["email"], path: "/api/v1/auth/email/resend" },
  "/reset-password": { title: "resetTitle", lead: "resetLead", go: "resetGo", done: "resetDone", fields: ["new_password"], path: "/api/v1/auth/password/reset", token: true },
  "/verify-email": { title: "verifyTitle", lead: "verifyLead", go: "verifyGo", done: "verifyDone", fields: ["password"], path: "/api/v1/auth/email/verify", token: true },
  "/undo-email-change": { title: "undoTitle", lead: "undoLead", go: "undoGo", done: "undoDone", fields: [], path: "/api/v1/auth/email/undo", token: true },
  "/not-me": { title: "notMeTitle", lead: "notMeLead", go: "notMeGo", done: "notMeDone", fields: [], path: "/api/v1/auth/not-me", token: true },
  "/restore-account": { title: "restoreTitle", lead: "restoreLead", go: "restoreGo", done: "restoreDone", fields: [], path: "/api/v1/auth/restore", token: true },
};

const REASONS: Record<string, keyof Messages> = {
  INVALID_CREDENTIALS: "invalidCredentials",
  CODE_INVALID: "codeInvalid",
  TOO_MANY_ATTEMPTS: "tooMany",
  EMAIL_ALREADY_REGISTERED: "taken",
  PASSWORD_NOT_ACCEPTED: "weak",
  SINGLE_USE_TOKEN_INVALID: "stale",
  EMAIL_NOT_VERIFIED: "unverified",
  PASSWORD_RESET_REQUIRED: "resetFirst",
  ACCOUNT_DELETED: "deleted",
  ACCOUNT_SUSPENDED: "suspended",
  VALIDATION_ERROR: "invalid",
  NETWORK_ERROR: "offline",
};

class Page extends LitElement {
  private readonly latchkey = createLatchkey({ mode: "cookie" });
  private readonly language = pickLanguage(navigator.languages);
  private readonly messages = MESSAGES[this.language];
  private inside = false;
  private ready = false;
  /** The service could not be reached, so it is unknown whether somebody is signed in. */
  private unreachable = false;
  private busy = false;
  private problem: keyof Messages | null = null;
  private done: keyof Messages | null = null;
  private token = "";
  /** After too many wrong passwords an emailed code is required too. */
  private needsCode = false;
  /** The reported sign-in, or null if it is no longer stored. */
  private reported: ReportedSessionView | null | undefined;

  // In the light DOM, where password managers look for forms.
  protected override createRenderRoot() {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.documentElement.lang = this.language;
    // Loaded in parallel with the session. If it fails, the element loads them again.
    Promise.resolve(messagesIn(this.language)).catch(() => {});
    this.token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
    // The token is a credential, so it is removed from the address bar and the history.
    if (this.token) history.replaceState(null, "", location.pathname);
    addEventListener("online", () => this.unreachable && void this.resume());
    addEventListener("popstate", () => this.showScreen());
    addEventListener("hashchange", () => this.requestUpdate());
    this.addEventListener("latchkey-section", (event) => {
      history.replaceState(null, "", `/#${(event as CustomEvent<{ section: string }>).detail.section}`);
    });
    this.addEventListener("latchkey-sign-in", () => this.onSignedOut());
    void this.resume();
  }

  private get screen(): Screen {
    return SCREENS[location.pathname] ?? SCREENS["/"]!;
  }

  private async resume(): Promise<void> {
    if (this.busy) return;
    if (!this.screen.token) {
      this.busy = true;
      this.requestUpdate();
      try {
        this.inside = (await this.latchkey.resume()) !== null;
        this.unreachable = false;
        this.problem = null;
      } catch (error) {
        this.unreachable = this.screen === SCREENS["/"];
        if (this.unreachable) this.problem = reason(error);
      }
      this.busy = false;
    }
    if (this.screen === SCREENS["/not-me"] && this.token) await this.loadReport();
    if (this.screen === SCREENS["/verify-email"] && this.token) await this.confirm();
    if (!this.ready) this.latchkey.subscribe(() => this.onSessionChange());
    this.ready = true;
    this.showScreen();
  }

  /** The link is enough on the device that asked for it. Elsewhere the form asks for the password. */
  private async confirm(): Promise<void> {
    try {
      await this.latchkey.client.post({ url: this.screen.path!, body: { token: this.token } });
      this.token = "";
      this.done = this.screen.done ?? null;
    } catch (error) {
      if (reason(error) === "stale") this.problem = "stale";
    }
  }

  private async loadReport(): Promise<void> {
    try {
      this.reported = (await this.latchkey.getReportedSession({ headers: { "Latchkey-Token": this.token } })).session;
    } catch (error) {
      // The report is possible even if the sign-in can't be shown.
      if (reason(error) === "stale") this.problem = "stale";
    }
  }

  /** Signed in in another tab, so this tab is signed in too. */
  private onSessionChange(): void {
    this.requestUpdate();
    if (this.inside || this.screen.token || !this.latchkey.signedIn) return;
    this.unreachable = false;
    this.problem = null;
    this.inside = true;
    this.showScreen();
  }

  private onSignedOut(): void {
    this.inside = false;
    this.go("/");
  }

  private go(path: string, event?: Event): void {
    event?.preventDefault();
    history.pushState(null, "", path);
    this.problem = this.done = null;
    this.unreachable = this.needsCode = false;
    this.showScreen();
  }

  private showScreen(): void {
    const { messages } = this;
    document.title = this.inside ? "Latchkey" : `${messages[this.screen.title]} · Latchkey`;
    this.requestUpdate();
    void this.updateComplete.then(() => this.querySelector<HTMLElement>("input, h1")?.focus());
  }

  protected override render() {
    const { messages } = this;
    const section = location.pathname === "/exports" ? "data" : location.hash.slice(1) || "profile";
    return html`
      <header class="bar">
        <a class="brand" href="/"><img src="/assets/icon.svg" alt="" width="28" height="28" />Latchkey</a>
        ${this.inside && this.latchkey.signedIn ? html`<button class="link" @click=${() => void this.signOut()}>${messages.signOut}</button>` : nothing}
      </header>
      <main>${!this.ready ? html`<h1 class="visually-hidden">${messages.settings}</h1><p class="waiting" role="status">${messages.wait}</p>` : this.inside ? html`${this.problem ? html`<p class="error" role="alert">${messages[this.problem]}</p>` : nothing}<h1 class="visually-hidden">${messages.settings}</h1><latchkey-settings .latchkey=${this.latchkey} section=${section}></latchkey-settings>` : this.form(messages)}</main>
    `;
  }

  private form(messages: Messages) {
    const { screen } = this;
    const ended = this.done !== null && screen.done === this.done;
    const link = (path: string, text: string) =>
      html`<a href=${path} @click=${(event: Event) => this.go(path, event)}>${text}</a>`;
    const incomplete = screen.token && !this.token && !ended;
    if (this.unreachable) {
      return html`<div class="panel">
        <h1 tabindex="-1">${messages.unreachable}</h1>
        <div class="sheet">
          <p class="error" role="alert">${messages[this.problem ?? "failed"]}</p>
          <button class="go" aria-disabled=${this.busy} @click=${() => void this.resume()}>${this.busy ? messages.wait : messages.again}</button>
        </div>
      </div>`;
    }
    return html`<div class="panel">
      <div><h1 tabindex="-1">${messages[screen.title]}</h1>${ended ? nothing : html`<p class="lead">${messages[screen.lead]}</p>`}</div>
      <form class="sheet" @submit=${(event: Event) => void this.submit(event)}>
        ${this.problem ? html`<p class="error" role="alert">${messages[this.problem]} ${this.nextStep(screen)}</p>` : nothing}
        ${this.done ? html`<p class="success" role="status">${messages[this.done]}</p>` : nothing}
        ${incomplete ? html`<p class="error" role="alert">${messages.noToken}</p>` : nothing}
        ${ended || incomplete ? nothing : this.report(messages)}
        ${ended || incomplete
          ? nothing
          : html`${screen.fields.map((name) => this.field(name))}${this.needsCode ? this.field("code") : nothing}
              <button class="go" aria-disabled=${this.busy}>${this.busy ? messages.wait : messages[screen.go]}</button>`}
        ${ended ? html`<a class="go" href="/">${messages.signIn}</a>` : nothing}
      </form>
      <p class="foot">
        ${screen === SCREENS["/"]
          ? html`${messages.noAccount} ${link("/register", messages.register)}`
          : screen === SCREENS["/register"]
            ? html`${messages.haveAccount} ${link("/", messages.signIn)}`
            : ended ? nothing : link("/", messages.back)}
      </p>
    </div>`;
  }

  private report(messages: Messages) {
    const { reported } = this;
    if (this.screen !== SCREENS["/not-me"] || reported === undefined) return nothing;
    if (reported === null) return html`<p class="reported">${messages.notMeUnknown}</p>`;
    const when = new Intl.DateTimeFormat(this.language, { dateStyle: "long", timeStyle: "short" }).format(new Date(reported.created_at));
    return html`<p class="reported">
      <strong>${reported.device_name}</strong>
      <span>${[reported.location, reported.ip_address].filter(Boolean).join(" · ")}</span>
      <time datetime=${reported.created_at}>${when}</time>
      ${reported.is_active ? nothing : html`<span>${messages.notMeOver}</span>`}
    </p>`;
  }

  /** Request another link if this one is invalid. */
  private nextStep(screen: Screen) {
    if (this.problem === "codeFirst" || this.problem === "codeInvalid") {
      return html`<button class="link" type="button" @click=${(event: Event) => void this.sendCode(event)}>${this.messages.sendCode}</button>`;
    }
    const path = this.problem === "unverified" || (this.problem === "stale" && screen === SCREENS["/verify-email"]) ? "/resend-verification"
      : this.problem === "resetFirst" || (this.problem === "stale" && screen === SCREENS["/reset-password"]) ? "/forgot-password" : null;
    return path ? html`<a href=${path} @click=${(event: Event) => this.go(path, event)}>${this.messages.send}</a>` : nothing;
  }

  private async sendCode(event: Event): Promise<void> {
    if (this.busy) return;
    const form = (event.currentTarget as HTMLElement).closest("form")!;
    this.busy = true;
    this.problem = this.done = null;
    this.requestUpdate();
    try {
      await this.latchkey.client.post({ url: "/api/v1/auth/login/code", body: identifier(form) });
      this.needsCode = true;
      this.done = "codeSent";
    } catch (error) {
      this.problem = reason(error);
    }
    this.busy = false;
    this.requestUpdate();
    if (this.needsCode) void this.updateComplete.then(() => this.querySelector<HTMLElement>("#code")?.focus());
  }

  private async signOut(): Promise<void> {
    try {
      await this.latchkey.logout();
      this.onSignedOut();
    } catch (error) {
      this.problem = reason(error);
      this.requestUpdate();
    }
  }

  private field(name: Field) {
    const { messages } = this;
    const forgot = name === "password" && this.screen === SCREENS["/"];
    const kinds: Record<Field, [string, string, string]> = {
      login: [messages.emailOrName, "text", "username"],
      email: [messages.email, "email", "email"],
      full_name: [messages.fullName, "text", "name"],
      code: [messages.code, "text", "one-time-code"],
      password: [messages.password, "password", "current-password"],
      new_password: [this.screen === SCREENS["/register"] ? messages.password : messages.newPassword, "password", "new-password"],
    };
    const [label, type, autocomplete] = kinds[name];
    return html`<div class="field">
      <label for=${name}>${label}${name === "full_name" ? html`<span class="hint">${messages.optional}</span>` : nothing}
      </label>
      <input id=${name} name=${name} type=${type as "text"} autocomplete=${autocomplete as "name"} ?required=${name !== "full_name"}
        autocapitalize="none" spellcheck="false" aria-describedby=${name === "new_password" ? "hint" : nothing} />
      ${name === "new_password" ? html`<span class="hint" id="hint">${messages.hint}</span>` : nothing}
      ${forgot ? html`<a class="hint" href="/forgot-password" @click=${(event: Event) => this.go("/forgot-password", event)}>${messages.forgot}</a>` : nothing}
    </div>`;
  }

  private async submit(event: Event): Promise<void> {
    event.preventDefault();
    if (this.busy) return;
    const form = event.currentTarget as HTMLFormElement;
    const values = new FormData(form);
    const value = (name: Field) => String(values.get(name) ?? "");
    const { screen } = this;
    this.busy = true;
    this.problem = this.done = null;
    this.requestUpdate();
    try {
      if (screen === SCREENS["/"]) {
        const code = value("code").trim();
        await this.latchkey.login({ ...identifier(form), password: value("password"), ...(code ? { code } : {}) });
        this.inside = true;
        this.needsCode = false;
      } else if (screen === SCREENS["/register"]) {
        const name = value("full_name").trim();
        const body = { email: value("email").trim(), password: value("new_password"), ...(name ? { full_name: name } : {}) };
        this.inside = (await this.latchkey.register(body)) !== null;
        if (this.inside) history.replaceState(null, "", "/");
        else this.done = "checkMail";
      } else {
        const body: Record<string, string> = screen.token ? { token: this.token } : {};
        for (const name of screen.fields) body[name] = name === "email" ? value(name).trim() : value(name);
        await this.latchkey.client.post({ url: screen.path!, body });
        this.token = "";
        this.done = screen.done ?? null;
      }
    } catch (error) {
      this.problem = reason(error);
    }
    this.busy = false;
    if (this.inside) this.showScreen();
    else this.requestUpdate();
  }
}

function identifier(form: HTMLFormElement): { email: string } | { username: string } {
  const login = String(new FormData(form).get("login") ?? "").trim();
  return login.includes("@") ? { email: login } : { username: login };
}

function reason(error: unknown): keyof Messages {
  if (error instanceof LatchkeyError && error.code === "TOO_MANY_ATTEMPTS" && error.detail("code")) return "codeFirst";
  return (error instanceof LatchkeyError && REASONS[error.code]) || "failed";
}

customElements.define("latchkey-page", Page);
