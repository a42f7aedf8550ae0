/** The context of sections, and their common parts. */

import { html, nothing, type TemplateResult } from "lit";
import { LatchkeyError, type Latchkey } from "latchkey";
import type { Format } from "./format.js";
import { lookUp, type Messages } from "./messages.js";

export type View = TemplateResult | typeof nothing;

export interface DialogSpec {
  title: string;
  content: () => View;
  confirm: string;
  danger?: boolean;
  /** If this rejects, the dialog stays open with the error. */
  submit: (form: FormData) => Promise<void> | void;
  cancelled?: () => void;
  /** The element to focus after closing, instead of the previous one. */
  then?: () => void;
}

export interface SectionContext {
  readonly latchkey: Latchkey;
  readonly messages: Messages;
  readonly format: Format;
  /** Render again. */
  changed(): void;
  /** Announce to screen readers. */
  announce(text: string): void;
  openDialog(spec: DialogSpec): void;
  /** Run it. If it requires a recent authentication, ask for the password and run it again. */
  recently<T>(action: () => Promise<T>): Promise<T>;
  /** Whether nobody is signed in anymore. The element shows that itself. */
  ended(): boolean;
  deleted(purgeAt: string): void;
  show(section: string): void;
  focusOn(selector: string): void;
}

export interface Section {
  readonly name: string;
  readonly icon: TemplateResult;
  title(messages: Messages): string;
  lead(messages: Messages): string;
  open(): void;
  close?(): void;
  /** Clear all data, because another person may sign in. */
  reset(): void;
  render(): View;
}

/** The person closed the dialog. No message is needed. */
export class Cancelled extends Error {}

/** An error before a request, with a message for the person. */
export class UserFacingError extends Error {}

/** Fetched data: the value, the last error, and whether it is loading. */
export class Resource<T> {
  data: T | undefined;
  error: unknown;
  busy = false;
  private turn = 0;

  constructor(
    private readonly host: SectionContext,
    private readonly fetch: () => Promise<T>,
  ) {}

  async load(): Promise<void> {
    const turn = ++this.turn;
    this.busy = true;
    this.host.changed();
    try {
      const data = await this.fetch();
      if (turn !== this.turn) return;
      this.data = data;
      this.error = undefined;
    } catch (error) {
      if (turn !== this.turn) return;
      if (!this.host.ended()) this.error = error;
    }
    this.busy = false;
    this.host.changed();
  }

  reset(): void {
    this.turn += 1;
    this.data = this.error = undefined;
    this.busy = false;
  }

  /**
   * The data, marked if it is stale; an error card; or a skeleton, which is the view of `placeholder` with bars
   * in place of its text, so that it has the final height at any width.
   */
  render(placeholder: T, view: (data: T) => View): View {
    const failed = this.error !== undefined && !this.busy;
    if (this.data === undefined) {
      return failed ? this.problem(this.host.messages.errorLoad) : html`<div aria-busy="true" class="content">
        <span class="visually-hidden">${this.host.messages.loading}</span>
        <div class="skeleton content" aria-hidden="true" inert>${view(placeholder)}</div>
      </div>`;
    }
    return html`${failed ? this.problem(this.host.messages.errorStale) : nothing}${view(this.data)}`;
  }

  private problem(title: string): View {
    return problem(this.host, this.error, title, () => void this.load());
  }
}

/** The translated message of an error, or the service's own. */
export function describe({ messages, format }: SectionContext, error: unknown): string {
  if (error instanceof UserFacingError) return error.message;
  if (!(error instanceof LatchkeyError)) return messages.error;
  const fallback = /^(GATEWAY_|TIMEOUT|UNEXPECTED)/.test(error.code) ? messages.e_TEMPORARILY_UNAVAILABLE : error.message;
  const again = error.code === "TOO_MANY_ATTEMPTS" && error.retryAfterSeconds ? messages.tryAgain(format.inTime(error.retryAfterSeconds)) : null;
  return again ?? lookUp(messages, `e_${error.code}`) ?? fallback;
}

export function codeOf(error: unknown): string | null {
  return error instanceof LatchkeyError ? error.code : null;
}

/** The problem of one field. */
export function detail(error: unknown, field: string): string | undefined {
  return error instanceof LatchkeyError ? error.detail(field)?.message : undefined;
}

export function problem(host: SectionContext, error: unknown, title?: string, retry?: () => void): View {
  const id = error instanceof LatchkeyError ? error.requestId : null;
  return html`<div class="notice bad" role="alert" part="error">
    <div>
      <strong>${title ?? host.messages.error}</strong>
      <span class="small">${describe(host, error)}</span>
      ${id ? html`<span class="small muted">${host.messages.requestId} <span class="mono">${id}</span></span>` : nothing}
    </div>
    ${retry ? html`<button class="button" part="button" type="button" @click=${retry}>${host.messages.retry}</button>` : nothing}
  </div>`;
}

export function button(
  text: string | TemplateResult,
  press: (event: Event) => void,
  options: { kind?: string; label?: string; expanded?: boolean; id?: string } = {},
): TemplateResult {
  return html`<button type="button" id=${options.id ?? nothing} class="button ${options.kind ?? ""}" part="button"
    aria-label=${options.label ?? nothing} aria-expanded=${options.expanded === undefined ? nothing : String(options.expanded)}
    @click=${press}>${text}</button>`;
}

export interface FieldOptions {
  type?: string;
  hint?: string;
  problem?: string | undefined;
  autocomplete?: string;
  wide?: boolean;
  required?: boolean;
  maxlength?: number;
  input?: (value: string) => void;
}

export function field(name: string, label: string, value: string, options: FieldOptions = {}): TemplateResult {
  const about = options.problem || options.hint ? `${name}-about` : nothing;
  return html`<div class="field ${options.wide ? "wide" : ""}">
    <label for=${name}>${label}</label>
    <input id=${name} name=${name} type=${options.type ?? "text"} .value=${value} part="input"
      autocomplete=${(options.autocomplete ?? "off") as "off"} ?required=${options.required} maxlength=${options.maxlength ?? nothing}
      inputmode=${options.type === "number" ? "numeric" : nothing}
      aria-invalid=${options.problem ? "true" : "false"} aria-describedby=${about}
      @input=${(event: Event) => options.input?.((event.target as HTMLInputElement).value)} />
    ${options.problem ? html`<span class="problem" id="${name}-about">${options.problem}</span>`
      : options.hint ? html`<span class="small muted" id="${name}-about">${options.hint}</span>` : nothing}
  </div>`;
}

export function secret(host: SectionContext, name: string, label: string, autocomplete: string, options: FieldOptions = {}): TemplateResult {
  const about = options.problem || options.hint ? `${name}-about` : nothing;
  const toggle = (event: Event) => {
    const pressed = event.currentTarget as HTMLButtonElement;
    const input = pressed.previousElementSibling as HTMLInputElement;
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    pressed.textContent = shown ? host.messages.show : host.messages.hide;
  };
  return html`<div class="field">
    <label for=${name}>${label}</label>
    <div class="secret">
      <input id=${name} name=${name} type="password" autocomplete=${autocomplete as "current-password"} required part="input"
        aria-invalid=${options.problem ? "true" : "false"} aria-describedby=${about} />
      <button type="button" class="button quiet" aria-controls=${name} @click=${toggle}>${host.messages.show}</button>
    </div>
    ${options.problem ? html`<span class="problem" id="${name}-about">${options.problem}</span>`
      : options.hint ? html`<span class="small muted" id="${name}-about">${options.hint}</span>` : nothing}
  </div>`;
}

export function choose(
  name: string,
  label: string,
  value: string,
  choices: { value: string; text: string }[],
  options: { problem?: string | undefined; input?: (value: string) => void } = {},
): TemplateResult {
  return html`<div class="field">
    <label for=${name}>${label}</label>
    <select id=${name} name=${name} part="input" aria-invalid=${options.problem ? "true" : "false"}
      @change=${(event: Event) => options.input?.((event.target as HTMLSelectElement).value)}>
      ${choices.map((choice) => html`<option value=${choice.value} .selected=${choice.value === value}>${choice.text}</option>`)}
    </select>
    ${options.problem ? html`<span class="problem">${options.problem}</span>` : nothing}
  </div>`;
}

export function submitted(event: Event): FormData {
  event.preventDefault();
  return new FormData(event.currentTarget as HTMLFormElement);
}

export { LatchkeyError, html, nothing };
