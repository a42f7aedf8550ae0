import type { AccountView, ConsentView, PreferencesView } from "latchkey";
import { Resource, choose, html, nothing, problem, submitted, type SectionContext, type Section, type View } from "../core.js";
import { sliders } from "../icons.js";
import { lookUp, type Messages } from "../messages.js";

/** The choices of each key. Another stored value is kept and shown unchanged. */
const CHOICES: Record<string, (boolean | string)[]> = {
  wifi: [true, false],
  power_outlets: [true, false],
  noise_level: ["quiet", "moderate", "lively"],
  lighting: ["daylight", "bright", "soft"],
  seating: ["desk", "sofa", "standing"],
};
type Document = PreferencesView;

const FREE = "other_preferences";
const CONSENTS = ["transactional_consent", "marketing_consent"] as const;

export class Preferences implements Section {
  readonly name = "preferences";
  readonly icon = sliders;
  private readonly document: Resource<Document>;
  private readonly history: Resource<{ account: AccountView; consents: ConsentView[] }>;
  private edits: Partial<Document> = {};
  private busy = false;
  private error: unknown;
  private consentError: unknown;
  private status = "";

  constructor(private readonly host: SectionContext) {
    this.document = new Resource(host, () => host.latchkey.getPreferences());
    this.history = new Resource(host, async () => {
      const [account, { consents }] = await Promise.all([host.latchkey.getMe(), host.latchkey.listConsents({ query: { limit: 20 } })]);
      return { account, consents };
    });
  }

  title = (messages: Messages) => messages.preferences;
  lead = (messages: Messages) => messages.preferencesLead;

  open(): void {
    this.status = "";
    void this.document.load();
    void this.history.load();
  }

  reset(): void {
    this.document.reset();
    this.history.reset();
    this.edits = {};
    this.error = this.consentError = undefined;
  }

  render(): View {
    return html`${this.document.render({} as Document, (document) => this.form(document))}
      ${this.history.render({ account: {} as AccountView, consents: [] }, ({ account, consents }) => this.consents(account, consents))}`;
  }

  private form(stored: Document): View {
    const { messages } = this.host;
    const values = { ...stored, ...this.edits };
    const free = values[FREE];
    return html`<form class="card" part="card" @submit=${(event: Event) => void this.save(event, values)}>
      <div class="fields two">
        ${Object.entries(CHOICES).map(([key, choices]) => this.choice(key, choices, values[key as keyof Document]))}
        ${free === null || free === undefined || typeof free === "string"
          ? html`<div class="field wide"><label for=${FREE}>${messages.pref_other_preferences}</label>
              <textarea id=${FREE} name=${FREE} maxlength="2000" .value=${free ?? ""}
                @input=${(event: Event) => this.edit(FREE, (event.target as HTMLTextAreaElement).value || null)}></textarea></div>`
          : nothing}
      </div>
      ${this.error === undefined ? nothing : problem(this.host, this.error)}
      <div class="row">
        <button class="button primary" part="button primary" aria-disabled=${this.busy}>${this.busy ? messages.saving : messages.save}</button>
        ${this.status ? html`<span class="badge ok">${this.status}</span>` : nothing}
      </div>
    </form>`;
  }

  private choice(key: string, choices: (boolean | string)[], value: unknown): View {
    const { messages } = this.host;
    const known = choices.some((choice) => choice === value) || value === null || value === undefined;
    const all: unknown[] = known ? choices : [...choices, value];
    const text = (choice: unknown) =>
      choice === true ? messages.wanted : choice === false ? messages.notNeeded : lookUp(messages, String(choice)) ?? String(choice);
    return choose(
      key,
      lookUp(messages, `pref_${key}`) ?? key,
      value === undefined ? "null" : JSON.stringify(value),
      [{ value: "null", text: messages.any }, ...all.map((choice) => ({ value: JSON.stringify(choice), text: text(choice) }))],
      { input: (chosen) => this.edit(key, JSON.parse(chosen)) },
    );
  }

  private edit(key: string, value: unknown): void {
    this.edits = { ...this.edits, [key]: value };
    this.status = "";
    this.host.changed();
  }

  private async save(event: Event, values: Document): Promise<void> {
    submitted(event);
    if (this.busy) return;
    this.busy = true;
    this.error = undefined;
    this.host.changed();
    try {
      this.document.data = await this.host.latchkey.replacePreferences({ body: values });
      this.edits = {};
      this.status = this.host.messages.saved;
      this.host.announce(this.status);
    } catch (error) {
      if (!this.host.ended()) this.error = error;
    }
    this.busy = false;
    this.host.changed();
  }

  private consents(account: AccountView, history: ConsentView[]): View {
    const { messages, format } = this.host;
    const hints = { transactional_consent: messages.transactionalHint, marketing_consent: messages.marketingHint };
    return html`<section class="card" aria-labelledby="consents" part="card">
      <header><h3 id="consents">${messages.consents}</h3><p class="muted">${messages.consentsLead}</p></header>
      ${CONSENTS.map((name) => html`<label class="switch"><span>${messages[name]}<span class="small muted">${hints[name]}</span></span>
        <input type="checkbox" role="switch" .checked=${account[name] ?? false}
          @change=${(event: Event) => void this.decide(name, event.target as HTMLInputElement)} /></label>`)}
      ${this.consentError === undefined ? nothing : problem(this.host, this.consentError)}
      ${history.length === 0 ? nothing : html`<details><summary>${messages.consentHistory}</summary>
        <ul class="steps">${history.map((entry) => html`<li>
          <span>${lookUp(messages, entry.consent) ?? lookUp(messages, `${entry.consent}_consent`) ?? entry.consent}</span>
          <span class="small muted">${entry.decision === "given" ? messages.given : messages.withdrawn} ·
            <time datetime=${entry.decided_at}>${format.exact(entry.decided_at)}</time></span></li>`)}</ul></details>`}
    </section>`;
  }

  /** Move the switch at once, and back if the request fails. */
  private async decide(name: (typeof CONSENTS)[number], input: HTMLInputElement): Promise<void> {
    const checked = input.checked;
    this.consentError = undefined;
    try {
      await this.host.latchkey.updateMe({ body: { [name]: checked } });
      this.host.announce(this.host.messages.saved);
      await this.history.load();
    } catch (error) {
      input.checked = !checked;
      if (!this.host.ended()) this.consentError = error;
      this.host.changed();
    }
  }
}
