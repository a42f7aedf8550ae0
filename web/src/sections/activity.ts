import type { ActivityListView, ActivityView } from "latchkey";
import { Resource, button, html, nothing, problem, type SectionContext, type Section, type View } from "../core.js";
import { clock } from "../icons.js";
import type { Messages } from "../messages.js";

const PLACEHOLDER = { at: new Date(0).toISOString(), description: "Signed in on Chrome", outcome: "OK" } as ActivityView;

export class Activity implements Section {
  readonly name = "activity";
  readonly icon = clock;
  private readonly list: Resource<ActivityListView>;
  private failure: unknown;
  private busy = false;

  constructor(private readonly host: SectionContext) {
    this.list = new Resource(host, () => this.page());
  }

  title = (messages: Messages) => messages.activity;
  lead = (messages: Messages) => messages.activityLead;

  open(): void {
    void this.list.load();
  }

  reset(): void {
    this.list.reset();
    this.failure = undefined;
  }

  render(): View {
    const { messages } = this.host;
    return this.list.render(
      { activity: Array<ActivityView>(4).fill(PLACEHOLDER), next_cursor: null },
      ({ activity, next_cursor: next }) => html`
        ${activity.length === 0
          ? html`<p class="notice muted">${messages.noActivity}</p>`
          : html`<section class="card flush" aria-label=${messages.activity} part="card">
              <ul class="list">${activity.map((entry) => this.entry(entry))}</ul>
            </section>`}
        ${this.failure === undefined ? nothing : problem(this.host, this.failure)}
        ${next ? html`<div class="row">${button(this.busy ? messages.loading : messages.more, () => void this.more())}</div>` : nothing}
      `,
    );
  }

  private entry(entry: ActivityView): View {
    const { messages, format } = this.host;
    // The sentence often names the device.
    const about = [entry.device_name, entry.ip_address].filter((fact) => fact && !entry.description.includes(fact));
    const refused = entry.outcome !== "OK"; // else the code of an error
    return html`<li>
      <div>
        <div class="row"><span>${entry.description}</span>${refused ? html`<span class="badge bad">${messages.refused}</span>` : nothing}</div>
        <div class="small muted meta">
          <span><time datetime=${entry.at} title=${format.exact(entry.at)}>${format.ago(entry.at)}</time></span>
          ${about.map((fact) => html`<span>${fact}</span>`)}
        </div>
      </div>
    </li>`;
  }

  /** Read a page. The service returns its texts in the language of the element. */
  private page(cursor?: string): Promise<ActivityListView> {
    const { latchkey, format } = this.host;
    return latchkey.listActivity({ query: { limit: 20, ...(cursor ? { cursor } : {}) }, headers: { "accept-language": format.locale } });
  }

  private async more(): Promise<void> {
    const known = this.list.data;
    if (!known?.next_cursor || this.busy) return;
    this.busy = true;
    this.failure = undefined;
    this.host.changed();
    try {
      const page = await this.page(known.next_cursor);
      this.list.data = { ...page, activity: [...known.activity, ...page.activity] };
    } catch (error) {
      if (!this.host.ended()) this.failure = error;
    }
    this.busy = false;
    this.host.changed();
  }
}
