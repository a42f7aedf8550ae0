import type { ActivityEntry } from "../api.js";
import { Loaded, button, html, nothing, problem, type Host, type Section, type View } from "../core.js";
import { clock } from "../icons.js";
import type { Messages } from "../messages.js";

export class Activity implements Section {
  readonly name = "activity";
  readonly icon = clock;
  private readonly list: Loaded<{ entries: ActivityEntry[]; next: string | null }>;
  private failure: unknown;
  private busy = false;

  constructor(private readonly host: Host) {
    this.list = new Loaded(host, () => host.api.activity(null, host.format.locale));
  }

  title = (words: Messages) => words.activity;
  lead = (words: Messages) => words.activityLead;

  open(): void {
    void this.list.load();
  }

  reset(): void {
    this.list.reset();
    this.failure = undefined;
  }

  render(): View {
    const { words } = this.host;
    return this.list.render(
      () => html`<div class="card flush"><ul class="list">${[0, 1, 2, 3].map(
        () => html`<li><div><span class="bone"></span><span class="bone short"></span></div></li>`,
      )}</ul></div>`,
      ({ entries, next }) => html`
        ${entries.length === 0
          ? html`<p class="notice muted">${words.noActivity}</p>`
          : html`<section class="card flush" aria-label=${words.activity} part="card">
              <ul class="list">${entries.map((entry) => this.entry(entry))}</ul>
            </section>`}
        ${this.failure === undefined ? nothing : problem(this.host, this.failure)}
        ${next ? html`<div class="row">${button(this.busy ? words.loading : words.more, () => void this.more())}</div>` : nothing}
      `,
    );
  }

  private entry(entry: ActivityEntry): View {
    const { words, format } = this.host;
    const about = [entry.device_name, entry.ip_address].filter(Boolean).join(" · ");
    const refused = entry.outcome !== "OK"; // else the code of an error
    return html`<li>
      <div>
        <div class="row"><span>${entry.description}</span>${refused ? html`<span class="badge bad">${words.refused}</span>` : nothing}</div>
        <div class="small muted">
          <time datetime=${entry.at} title=${format.exact(entry.at)}>${format.ago(entry.at)}</time>${about ? ` · ${about}` : nothing}
        </div>
      </div>
    </li>`;
  }

  private async more(): Promise<void> {
    const known = this.list.data;
    if (!known?.next || this.busy) return;
    this.busy = true;
    this.failure = undefined;
    this.host.changed();
    try {
      const page = await this.host.api.activity(known.next, this.host.format.locale);
      this.list.data = { entries: [...known.entries, ...page.entries], next: page.next };
    } catch (error) {
      if (!this.host.ended(error)) this.failure = error;
    }
    this.busy = false;
    this.host.changed();
  }
}
