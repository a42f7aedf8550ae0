import { Cancelled, codeOf, describe, html, nothing, problem, secret, submitted, type SectionContext, type Section, type View } from "../core.js";
import { key } from "../icons.js";
import type { Messages } from "../messages.js";

export class Password implements Section {
  readonly name = "password";
  readonly icon = key;
  private error: unknown;
  private busy = false;
  private done = false;

  constructor(private readonly host: SectionContext) {}

  title = (messages: Messages) => messages.password;
  lead = (messages: Messages) => messages.passwordLead;

  open(): void {
    this.reset();
  }

  reset(): void {
    this.error = undefined;
    this.done = this.busy = false;
  }

  render(): View {
    const { messages } = this.host;
    const code = codeOf(this.error);
    const isWrong = code === "INVALID_CREDENTIALS";
    const isWeak = code === "PASSWORD_NOT_ACCEPTED" || code === "VALIDATION_ERROR";
    const message = describe(this.host, this.error);
    return html`
      ${this.done ? html`<p class="notice ok" role="status">${messages.passwordChanged}</p>` : nothing}
      ${this.error !== undefined && !isWrong && !isWeak ? problem(this.host, this.error) : nothing}
      <form class="card" part="card" @submit=${(event: Event) => void this.submit(event)}>
        ${secret(this.host, "current_password", messages.currentPassword, "current-password", { problem: isWrong ? message : undefined })}
        ${secret(this.host, "new_password", messages.newPassword, "new-password", { hint: messages.newPasswordHint, problem: isWeak ? message : undefined })}
        <div class="row"><button class="button primary" part="button primary" aria-disabled=${this.busy}>
          ${this.busy ? messages.saving : messages.changePassword}
        </button></div>
      </form>
    `;
  }

  private async submit(event: Event): Promise<void> {
    const form = event.currentTarget as HTMLFormElement;
    const values = submitted(event);
    if (this.busy) return;
    this.busy = true;
    this.error = undefined;
    this.done = false;
    this.host.changed();
    try {
      const body = { current_password: String(values.get("current_password")), new_password: String(values.get("new_password")) };
      await this.host.recently(() => this.host.latchkey.changePassword({ body }));
      form.reset();
      this.done = true;
      this.host.announce(this.host.messages.passwordChanged);
    } catch (error) {
      if (!(error instanceof Cancelled) && !this.host.ended()) this.error = error;
    }
    this.busy = false;
    this.host.changed();
    const code = codeOf(this.error);
    if (code) this.host.focusOn(code === "INVALID_CREDENTIALS" ? "#current_password" : "#new_password");
  }
}
