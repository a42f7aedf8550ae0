import type { AccountView, ExportView } from "latchkey";
import { Cancelled, LatchkeyError, Resource, button, codeOf, field, html, nothing, problem, type SectionContext, type Section, type View } from "../core.js";
import { archive } from "../icons.js";
import { lookUp, type Messages } from "../messages.js";

const LOOK_AGAIN_MS = 2500;

/** Export of the data, and deletion of the account. */
export class Data implements Section {
  readonly name = "data";
  readonly icon = archive;
  private readonly exports: Resource<ExportView[]>;
  private failure: unknown;
  private busy = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private shown = false;

  constructor(
    private readonly host: SectionContext,
    private readonly account: () => Promise<AccountView>,
  ) {
    this.exports = new Resource(host, async () => (await host.latchkey.listExports()).exports);
  }

  title = (messages: Messages) => messages.data;
  lead = (_messages: Messages) => "";

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
    const { messages } = this.host;
    return html`
      ${this.failure === undefined ? nothing : problem(this.host, this.failure)}
      <section class="card" aria-labelledby="export-title" part="card">
        <header><h3 id="export-title" tabindex="-1">${messages.exportTitle}</h3><p class="muted">${messages.exportLead}</p></header>
        ${this.exports.render([], (exports) => this.export_(exports[0]))}
      </section>
      <section class="card danger" aria-labelledby="delete-title" part="card">
        <header><h3 id="delete-title">${messages.deleteTitle}</h3><p class="muted">${messages.deleteLead}</p></header>
        <div class="row">${button(messages.deleteOpen, () => void this.askDelete(), { kind: "danger" })}</div>
      </section>
    `;
  }

  private export_(latest: ExportView | undefined): View {
    const { messages, format } = this.host;
    const request = (text: string, kind = "primary") =>
      html`<div class="row">${button(text, () => void this.request(), { kind })}</div>`;
    switch (latest?.status) {
      case "queued":
      case "running": {
        const step = lookUp(messages, `step_${latest.step}`) ?? latest.step;
        const text = latest.status === "queued" ? messages.exportQueued : messages.exportRunning(step);
        return html`<div class="field" role="status">
          <div class="row apart"><span id="export-step">${text}</span><span class="muted small">${latest.progress} %</span></div>
          <progress max="100" .value=${latest.progress} aria-labelledby="export-step"></progress>
        </div>`;
      }
      case "ready":
        return html`<div class="notice">
            <div><strong>${messages.exportReady}</strong><span class="small muted">${messages.exportReadyLine(
              format.size(latest.size_bytes ?? 0),
              format.exact(latest.expires_at ?? latest.created_at),
            )}</span></div>
            ${button(messages.download, () => void this.download(latest.id), { kind: "primary" })}
          </div>
          <details class="small muted"><summary>${messages.checksum}</summary><span class="mono">${latest.sha256}</span></details>
          ${request(messages.exportAgain, "")}`;
      case "failed":
        return html`<div class="notice bad"><div><strong>${messages.exportFailed}</strong>
          <span class="small">${lookUp(messages, `failed_${latest.failure?.code}`) ?? latest.failure?.message}</span></div></div>${request(messages.exportAgain)}`;
      case "expired":
        return html`<p class="muted">${messages.exportExpired}</p>${request(messages.exportAgain)}`;
      default:
        return request(messages.exportRequest);
    }
  }

  /** Poll the running export. The service has its progress, so this works after a reload too. */
  private async watch(): Promise<void> {
    clearTimeout(this.timer);
    const before = this.exports.data?.[0]?.status;
    await this.exports.load();
    const status = this.exports.data?.[0]?.status;
    if (before === "running" && status === "ready") this.host.announce(this.host.messages.exportReady);
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
        this.host.announce(this.host.messages.exportQueued);
      } catch (error) {
        // It was started in another window: show its progress.
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
      const account = await this.account();
      // A person of another issuer has no address here.
      const confirmation = account.email ?? account.username ?? account.id;
      const { messages } = this.host;
      let typed = "";
      let differs = false;
      this.host.openDialog({
        title: messages.deleteDialog,
        confirm: messages.deleteConfirm,
        danger: true,
        content: () => html`
          ${this.exports.data?.some((found) => found.status === "ready")
            ? nothing
            : html`<p class="notice small"><span>${messages.deleteExport}</span>
                <button class="button" value="cancel" formnovalidate type="submit">${messages.deleteExportLink}</button></p>`}
          <ol class="steps">
            <li><strong>${messages.deleteNow}</strong><span class="small muted">${messages.deleteNowText}</span></li>
            <li><strong>${messages.deleteLater}</strong><span class="small muted">${messages.deleteLaterText}</span></li>
          </ol>
          <p class="small muted">${messages.deleteUntil}</p>
          ${field("confirm_email", messages.deleteType(confirmation), typed, {
            required: true,
            problem: differs ? messages.deleteType(confirmation) : undefined,
            input: (value) => (typed = value),
          })}
        `,
        submit: async () => {
          differs = typed.trim().toLowerCase() !== confirmation.toLowerCase();
          if (differs) {
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
