import type { AccountView, ExportView } from "latchkey";
import { Cancelled, LatchkeyError, Loaded, button, codeOf, field, html, nothing, problem, type Host, type Section, type View } from "../core.js";
import { archive } from "../icons.js";
import { lookUp, type Messages } from "../messages.js";

const LOOK_AGAIN_MS = 2500;

/** Take it with you, and leave. */
export class Data implements Section {
  readonly name = "data";
  readonly icon = archive;
  private readonly exports: Loaded<ExportView[]>;
  private failure: unknown;
  private busy = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private shown = false;

  constructor(
    private readonly host: Host,
    private readonly account: () => Promise<AccountView>,
  ) {
    this.exports = new Loaded(host, async () => (await host.latchkey.listExports()).exports);
  }

  title = (words: Messages) => words.data;
  lead = (_words: Messages) => "";

  open(): void {
    this.shown = true;
    void this.watch();
  }

  close(): void {
    this.shown = false;
    clearTimeout(this.timer);
    this.failure = undefined;
  }

  reset(): void {
    this.close();
    this.exports.reset();
  }

  render(): View {
    const { words } = this.host;
    return html`
      ${this.failure === undefined ? nothing : problem(this.host, this.failure)}
      <section class="card" aria-labelledby="export-title" part="card">
        <header><h3 id="export-title" tabindex="-1">${words.exportTitle}</h3><p class="muted">${words.exportLead}</p></header>
        ${this.exports.render([], (exports) => this.export_(exports[0]))}
      </section>
      <section class="card danger" aria-labelledby="delete-title" part="card">
        <header><h3 id="delete-title">${words.deleteTitle}</h3><p class="muted">${words.deleteLead}</p></header>
        <div class="row">${button(words.deleteOpen, () => void this.askDelete(), { kind: "danger" })}</div>
      </section>
    `;
  }

  private export_(latest: ExportView | undefined): View {
    const { words, format } = this.host;
    const request = (text: string, kind = "primary") =>
      html`<div class="row">${button(text, () => void this.request(), { kind })}</div>`;
    switch (latest?.status) {
      case "queued":
      case "running": {
        const step = lookUp(words, `step_${latest.step}`) ?? latest.step;
        const text = latest.status === "queued" ? words.exportQueued : words.exportRunning(step);
        return html`<div class="field" role="status">
          <div class="row apart"><span id="export-step">${text}</span><span class="muted small">${latest.progress} %</span></div>
          <progress max="100" .value=${latest.progress} aria-labelledby="export-step"></progress>
        </div>`;
      }
      case "ready":
        return html`<div class="notice">
            <div><strong>${words.exportReady}</strong><span class="small muted">${words.exportReadyLine(
              format.size(latest.size_bytes ?? 0),
              format.exact(latest.expires_at ?? latest.created_at),
            )}</span></div>
            ${button(words.download, () => void this.download(latest.id), { kind: "primary" })}
          </div>
          <details class="small muted"><summary>${words.checksum}</summary><span class="mono">${latest.sha256}</span></details>
          ${request(words.exportAgain, "")}`;
      case "failed":
        return html`<div class="notice bad"><div><strong>${words.exportFailed}</strong>
          <span class="small">${lookUp(words, `failed_${latest.failure?.code}`) ?? latest.failure?.message}</span></div></div>${request(words.exportAgain)}`;
      case "expired":
        return html`<p class="muted">${words.exportExpired}</p>${request(words.exportAgain)}`;
      default:
        return request(words.exportRequest);
    }
  }

  /** The service knows how far it is, so a reload, or another device, goes on watching. */
  private async watch(): Promise<void> {
    clearTimeout(this.timer);
    const before = this.exports.data?.[0]?.status;
    await this.exports.load();
    const status = this.exports.data?.[0]?.status;
    if (before === "running" && status === "ready") this.host.announce(this.host.words.exportReady);
    if (this.shown && (status === "queued" || status === "running")) {
      this.timer = setTimeout(() => void this.watch(), LOOK_AGAIN_MS);
    }
  }

  private async attempt(action: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.failure = undefined;
    this.host.changed();
    try {
      await action();
    } catch (error) {
      if (!(error instanceof Cancelled) && !this.host.ended()) this.failure = error;
    }
    this.busy = false;
    this.host.changed();
  }

  private async request(): Promise<void> {
    await this.attempt(async () => {
      try {
        const started = await this.host.recently(() => this.host.latchkey.requestExport());
        this.exports.data = [started, ...(this.exports.data ?? [])];
        this.host.announce(this.host.words.exportQueued);
      } catch (error) {
        // Started in another window: watch that one.
        if (codeOf(error) !== "EXPORT_ALREADY_RUNNING") throw error;
      }
      this.host.focusOn("#export-title");
      void this.watch();
    });
  }

  private async download(id: string): Promise<void> {
    await this.attempt(async () => {
      const url = await this.host.recently(async () => {
        const found = await this.host.latchkey.getExport({ path: { export_id: id } });
        if (found.download_blocked_by) throw new LatchkeyError("REAUTHENTICATION_REQUIRED", "", { status: 403 });
        return found.download_url;
      });
      if (url) location.assign(url);
    });
  }

  private async askDelete(): Promise<void> {
    await this.attempt(async () => {
      const { email } = await this.account();
      const { words } = this.host;
      let typed = "";
      let wrong = false;
      this.host.openDialog({
        title: words.deleteDialog,
        confirm: words.deleteConfirm,
        danger: true,
        content: () => html`
          ${this.exports.data?.some((found) => found.status === "ready")
            ? nothing
            : html`<p class="notice small"><span>${words.deleteExport}</span>
                <button class="button" value="cancel" formnovalidate type="submit">${words.deleteExportLink}</button></p>`}
          <ol class="steps">
            <li><strong>${words.deleteNow}</strong><span class="small muted">${words.deleteNowText}</span></li>
            <li><strong>${words.deleteLater}</strong><span class="small muted">${words.deleteLaterText}</span></li>
          </ol>
          <p class="small muted">${words.deleteUntil}</p>
          ${field("confirm_email", words.deleteType(email), typed, {
            required: true,
            problem: wrong ? words.deleteType(email) : undefined,
            input: (value) => (typed = value),
          })}
        `,
        submit: async () => {
          wrong = typed.trim().toLowerCase() !== email.toLowerCase();
          if (wrong) {
            this.host.focusOn("#confirm_email");
            throw new Cancelled();
          }
          const { purge_at } = await this.host.recently(() => this.host.latchkey.deleteMe());
          this.host.deleted(purge_at);
        },
      });
    });
  }
}
