import { answerOf, type AccountView } from "latchkey";
import {
  Cancelled, LatchkeyError, Resource, UserFacingError, button, choose, codeOf, detail, field, html, nothing, problem, submitted, type FieldOptions, type SectionContext, type Section, type View,
} from "../core.js";
import { person } from "../icons.js";
import type { Messages, ProfileField } from "../messages.js";

const LANGUAGES = ["speaking_language", "listening_language"] as const;

/** Options of input fields. A field without an entry is one line of text. */
const INPUTS: Partial<Record<ProfileField, FieldOptions>> = {
  full_name: { autocomplete: "name" },
  display_name: { autocomplete: "nickname" },
  username: { autocomplete: "username", maxlength: 32 },
  occupation: { autocomplete: "organization-title" },
  age: { type: "number" },
};

const AVATAR_PIXELS = 512;
const PLACEHOLDER = { email: "grace@example.com", is_verified: true } as AccountView;

export class Profile implements Section {
  readonly name = "profile";
  readonly icon = person;
  readonly loaded: Resource<AccountView>;
  private edits: Partial<Record<ProfileField, string>> = {};
  private busy = false;
  private error: unknown;
  private status = "";
  /** The result of the last change of the picture. */
  private pictureResult: { error?: unknown; message?: string } = {};
  /** The address that a link was sent to. */
  private mailed: string | null = null;

  constructor(private readonly host: SectionContext) {
    this.loaded = new Resource(host, () => host.latchkey.getMe());
  }

  title = (messages: Messages) => messages.profile;
  lead = (messages: Messages) => messages.profileLead;

  open(): void {
    this.status = "";
    this.pictureResult = {};
    void this.loaded.load();
  }

  reset(): void {
    this.loaded.reset();
    this.edits = {};
    this.error = undefined;
    this.status = "";
    this.mailed = null;
    this.pictureResult = {};
  }

  /** The account, for the other sections. */
  async account(): Promise<AccountView> {
    return (this.loaded.data ??= await this.host.latchkey.getMe());
  }

  render(): View {
    return this.loaded.render(PLACEHOLDER, (account) => this.form(account));
  }

  private form(account: AccountView): View {
    const { messages } = this.host;
    const clash = codeOf(this.error) === "PRECONDITION_FAILED";
    const taken = codeOf(this.error) === "USERNAME_TAKEN" ? messages.e_USERNAME_TAKEN : undefined;
    const placed = this.error instanceof LatchkeyError && this.error.details.length > 0;
    const shown = this.error !== undefined && !taken && !placed;
    const hints: Partial<Record<ProfileField, string>> = { display_name: messages.displayNameHint };
    const text = (name: ProfileField) =>
      field(name, messages.fields[name], this.edits[name] ?? String(account[name] ?? ""), {
        problem: detail(this.error, name) ?? (name === "username" ? taken : undefined),
        maxlength: 100,
        ...(hints[name] ? { hint: hints[name] } : {}),
        ...INPUTS[name],
        input: (value) => this.edit(name, value),
      });
    const names = Object.keys(messages.fields) as ProfileField[];
    const texts = names.filter((name) => !LANGUAGES.some((other) => other === name));
    return html`
      ${this.picture(account)}
      ${account.email === null ? nothing : this.email(account, account.email)}
      <form class="content" novalidate @submit=${(event: Event) => void this.save(event, account)}>
        <div class="card" part="card">
          <div class="fields two">
            ${texts.map(text)}
          </div>
        </div>
        <fieldset class="card" part="card">
          <header><h3>${messages.languages}</h3><p class="muted">${messages.languagesLead}</p></header>
          <div class="fields two">
            ${LANGUAGES.map((name) => this.language(name, messages.fields[name], account))}
          </div>
        </fieldset>
        ${clash
          ? html`<div class="notice bad" role="alert"><div>${messages.changedElsewhere}</div>${button(messages.reload, () => this.reload())}</div>`
          : shown ? problem(this.host, this.error) : nothing}
        <div class="row">
          <button class="button primary" part="button primary" aria-disabled=${this.busy}>${this.busy ? messages.saving : messages.save}</button>
          ${this.status ? html`<span class="badge ok">${this.status}</span>` : nothing}
        </div>
      </form>
    `;
  }

  private language(name: (typeof LANGUAGES)[number], label: string, account: AccountView): View {
    const choices = this.host.format
      .languages([account.speaking_language, account.listening_language])
      .map(({ tag, name: text }) => ({ value: tag, text }));
    return choose(name, label, this.edits[name] ?? account[name] ?? "", [{ value: "", text: this.host.messages.notSet }, ...choices], {
      problem: detail(this.error, name),
      input: (value) => this.edit(name, value),
    });
  }

  private edit(name: ProfileField, value: string): void {
    this.edits[name] = value;
    this.status = "";
    this.host.changed();
  }

  private reload(): void {
    this.error = undefined;
    this.edits = {};
    void this.loaded.load();
  }

  private async save(event: Event, account: AccountView): Promise<void> {
    submitted(event);
    const change: Record<string, string | number | null> = {};
    for (const [name, value] of Object.entries(this.edits)) {
      const text = value.trim();
      if (text === String(account[name as ProfileField] ?? "")) continue;
      change[name] = text === "" ? null : name === "age" && /^\d+$/.test(text) ? Number(text) : text;
    }
    await this.attempt(async () => {
      if (Object.keys(change).length > 0) {
        const etag = answerOf(account)?.etag;
        this.loaded.data = await this.host.latchkey.updateMe({ body: change, headers: etag ? { "If-Match": etag } : {} });
      }
      this.edits = {};
      this.status = this.host.messages.saved;
    });
    if (this.error !== undefined) this.host.focusOn('[aria-invalid="true"]');
  }

  private async attempt(action: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.error = undefined;
    this.status = "";
    this.host.changed();
    try {
      await action();
      this.host.announce(this.status);
    } catch (error) {
      if (!(error instanceof Cancelled) && !this.host.ended()) this.error = error;
    }
    this.busy = false;
    this.host.changed();
  }

  // --- address ---

  /** A person of another issuer has no address here. */
  private email(account: AccountView, address: string): View {
    const { messages } = this.host;
    return html`<section class="card" part="card" aria-labelledby="email">
      <div class="row apart">
        <div class="field">
          <h3 id="email" tabindex="-1">${messages.email}</h3>
          <div class="row tight"><span class="anywhere">${breakable(address)}</span>
            <span class="badge ${account.is_verified ? "ok" : "plain"}">${account.is_verified ? messages.verified : messages.unverified}</span></div>
        </div>
        <div class="row tight">
          ${account.is_verified ? nothing : button(messages.emailResend, () => void this.resend(address))}
          ${button(messages.emailChange, () => this.askEmail())}
        </div>
      </div>
      ${this.mailed === null ? nothing : html`<p class="notice ok">${messages.emailSent(this.mailed)}</p>`}
    </section>`;
  }

  private askEmail(): void {
    const { messages } = this.host;
    let problem: string | undefined;
    let typed = "";
    this.host.openDialog({
      title: messages.emailDialog,
      confirm: messages.emailSend,
      content: () => html`<p class="muted">${messages.emailText}</p>
        ${field("new_email", messages.emailNew, typed, { type: "email", autocomplete: "email", required: true, maxlength: 320, problem, input: (value) => (typed = value) })}`,
      submit: async () => {
        problem = undefined;
        const email = typed.trim();
        try {
          await this.host.recently(() => this.host.latchkey.changeEmail({ body: { email } }));
        } catch (error) {
          problem = detail(error, "email");
          if (problem === undefined) throw error;
          this.host.focusOn("#new_email");
          throw new Cancelled();
        }
        this.sent(email);
      },
      then: () => this.host.focusOn("#email"),
    });
  }

  private async resend(email: string): Promise<void> {
    await this.attempt(async () => {
      await this.host.latchkey.resendVerification({ body: { email } });
      this.sent(email);
    });
  }

  private sent(email: string): void {
    this.mailed = email;
    this.host.announce(this.host.messages.emailSent(email));
  }

  // --- picture ---

  private picture(account: AccountView): View {
    const { messages } = this.host;
    const name = account.display_name || account.full_name || account.email || "";
    const initials = name.split(/[\s@.]+/, 2).map((word) => word.charAt(0)).join("").toUpperCase();
    return html`<section class="card" part="card" aria-label=${messages.picture}>
      <div class="row">
        ${account.avatar_url
          ? html`<img class="avatar" alt="" src=${account.avatar_url} part="avatar" />`
          : html`<span class="avatar" aria-hidden="true" part="avatar">${initials}</span>`}
        <div class="field">
          <div class="row">
            ${button(messages.pictureChoose, (event) => ((event.currentTarget as HTMLElement).nextElementSibling as HTMLInputElement).click())}
            <input type="file" hidden accept="image/jpeg,image/png,image/webp" tabindex="-1" aria-label=${messages.pictureChoose}
              @change=${(event: Event) => void this.chosen(event)} />
            ${account.avatar_url ? button(messages.pictureRemove, () => void this.removePicture(), { kind: "quiet" }) : nothing}
          </div>
          <span class="small muted">${messages.pictureHint}</span>
        </div>
      </div>
      ${this.pictureResult.error === undefined ? nothing : problem(this.host, this.pictureResult.error, messages.pictureFailed)}
      ${this.pictureResult.message ? html`<p class="notice ok">${this.pictureResult.message}</p>` : nothing}
    </section>`;
  }

  private async chosen(event: Event): Promise<void> {
    const input = event.currentTarget as HTMLInputElement;
    const file = input.files?.[0];
    input.value = "";
    if (!file) return;
    const { messages } = this.host;
    this.pictureResult = {};
    let bitmap: ImageBitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      this.pictureResult = { error: new UserFacingError(messages.pictureUnreadable) };
      this.host.changed();
      return;
    }
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = AVATAR_PIXELS;
    canvas.className = "preview";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", messages.picturePreview);
    let whole = false;
    let part = 0.5;
    const draw = () => {
      drawPicture(canvas, bitmap, whole, part);
      this.host.changed();
    };
    draw();
    const choice = (fit: boolean, label: string) => html`<label><input type="radio" name="frame" .checked=${whole === fit}
      @change=${() => { whole = fit; draw(); }} />${label}</label>`;
    this.host.openDialog({
      title: messages.pictureDialog,
      confirm: messages.pictureUse,
      content: () => html`${canvas}<fieldset class="choices" aria-label=${messages.pictureDialog}>
        ${choice(false, messages.pictureCrop)}${choice(true, messages.pictureFit)}</fieldset>
        ${whole || bitmap.width === bitmap.height ? nothing : html`<div class="field"><label for="part">${messages.picturePart}</label>
          <input id="part" type="range" min="0" max="1" step="0.01" .value=${String(part)}
            @input=${(event: Event) => { part = (event.target as HTMLInputElement).valueAsNumber; draw(); }} /></div>`}`,
      submit: async () => {
        const picture = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/webp", 0.92));
        if (!picture) throw new UserFacingError(messages.pictureUnreadable);
        this.loaded.data = await this.host.latchkey.uploadAvatar(picture);
        this.pictureResult = { message: messages.pictureSaved };
        this.host.announce(messages.pictureSaved);
      },
    });
  }

  private async removePicture(): Promise<void> {
    try {
      this.loaded.data = await this.host.latchkey.deleteAvatar();
      this.pictureResult = { message: this.host.messages.pictureRemoved };
      this.host.announce(this.host.messages.pictureRemoved);
    } catch (error) {
      if (!this.host.ended()) this.pictureResult = { error };
      this.host.changed();
    }
  }
}

/** Allow a line break before the "@" of an address. */
function breakable(email: string): View {
  const at = email.lastIndexOf("@");
  return html`${email.slice(0, at)}<wbr />${email.slice(at)}`;
}

/** Draw a square part, from one end (0) to the other (1), or the whole picture on a blurred copy. */
function drawPicture(canvas: HTMLCanvasElement, bitmap: ImageBitmap, whole: boolean, part: number): void {
  const pen = canvas.getContext("2d")!;
  const size = canvas.width;
  const place = (scale: number, at = 0.5) => {
    const [width, height] = [bitmap.width * scale, bitmap.height * scale];
    pen.drawImage(bitmap, (size - width) * at, (size - height) * at, width, height);
  };
  pen.clearRect(0, 0, size, size);
  const [cover, contain] = [size / Math.min(bitmap.width, bitmap.height), size / Math.max(bitmap.width, bitmap.height)];
  if (whole) pen.filter = "blur(28px) brightness(0.85)";
  if (whole) place(cover * 1.15);
  else place(cover, part);
  pen.filter = "none";
  if (whole) place(contain * 0.82);
}
