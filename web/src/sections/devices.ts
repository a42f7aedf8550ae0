import type { SessionView as Device } from "latchkey";
import { Cancelled, Resource, button, codeOf, field, html, nothing, problem, type SectionContext, type Section, type View } from "../core.js";
import { deviceIcon, screens } from "../icons.js";
import { lookUp, type Messages } from "../messages.js";

const PLACEHOLDER = { id: "", device_name: "Chrome on Windows", device_info: {}, last_activity: new Date().toISOString() } as Device;

export class Devices implements Section {
  readonly name = "devices";
  readonly icon = screens;
  private readonly list: Resource<Device[]>;
  private readonly open_ = new Set<string>();
  private failure: unknown;
  private clock: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly host: SectionContext) {
    this.list = new Resource(host, async () => (await host.latchkey.listSessions()).sessions);
  }

  title = (messages: Messages) => messages.devices;
  lead = (messages: Messages) => messages.devicesLead;

  open(): void {
    void this.list.load();
    // Relative times change every minute.
    this.clock ??= setInterval(() => this.host.changed(), 60_000);
  }

  close(): void {
    clearInterval(this.clock);
    this.clock = undefined;
    this.failure = undefined;
  }

  reset(): void {
    this.close();
    this.list.reset();
    this.open_.clear();
  }

  render(): View {
    const { messages } = this.host;
    return html`
      ${this.failure === undefined ? nothing : problem(this.host, this.failure)}
      ${this.list.render(
        [{ ...PLACEHOLDER, is_current: true }, PLACEHOLDER, PLACEHOLDER],
        (devices) => {
          const others = devices.filter((device) => !device.is_current);
          const current = devices.filter((device) => device.is_current);
          return html`
            <section class="card flush" aria-label=${messages.thisDevice} part="card">
              <ul class="list">${current.map((device) => this.device(device))}</ul>
            </section>
            ${others.length === 0
              ? html`<p class="notice muted" id="only-this" tabindex="-1">${messages.onlyThis}</p>`
              : html`
                  <div class="row apart">
                    <h3 id="others" tabindex="-1">${messages.otherDevices}</h3>
                    ${button(messages.signOutOthers(others.length), () => this.askAll(others), { kind: "danger" })}
                  </div>
                  <section class="card flush" aria-labelledby="others" part="card">
                    <ul class="list">${others.map((device) => this.device(device))}</ul>
                  </section>
                  <p class="small muted">${messages.notRecognised}</p>
                `}
          `;
        },
      )}
    `;
  }

  private device(device: Device): View {
    const { messages, format } = this.host;
    const open = this.open_.has(device.id);
    const now = device.is_current || format.isNow(device.last_activity);
    const facts = `facts-${device.id}`;
    return html`<li part="device">
      <div class="device ${device.is_current ? "current" : ""}">
        <span class="glyph">${deviceIcon(device.device_info.device_type)}</span>
        <div class="name">
          <span>${device.device_name}</span>
          ${device.is_current ? html`<span class="badge">${messages.thisDevice}</span>` : nothing}
        </div>
        <div class="small muted meta"><span>${now ? html`<span class="dot"></span>` : nothing}<time datetime=${device.last_activity}
            title=${format.exact(device.last_activity)}>${now ? messages.activeNow : messages.active(format.ago(device.last_activity))}</time></span>
          <span>${device.location ? format.place(device.location) : messages.unknownPlace}</span>
        </div>
        <div class="actions">
          ${button(messages.details, () => this.toggle(device), {
            kind: "quiet",
            label: messages.detailsOf(device.device_name),
            expanded: open,
          })}
          ${button(messages.signOut, () => this.ask(device), {
            id: `out-${device.id}`,
            label: messages.signOutOf(device.device_name),
          })}
        </div>
      </div>
      ${open
        ? html`<dl class="facts" id=${facts}>
              ${fact(messages.lastActive, format.exact(device.last_activity))} ${fact(messages.signedInAt, format.exact(device.created_at))}
              ${fact(messages.method, lookUp(messages, `method_${device.login_method}`) ?? device.login_method)}
              ${fact(messages.ip, device.ip_address)} ${fact(messages.endsAt, format.exact(device.expires_at))}
              <div class="wide"><dt>${messages.browser}</dt><dd class="mono">${device.user_agent}</dd></div>
            </dl>
            <div class="renaming">${button(messages.rename, () => this.askName(device), { label: messages.renameOf(device.device_name) })}</div>`
        : nothing}
    </li>`;
  }

  private toggle(device: Device): void {
    if (!this.open_.delete(device.id)) this.open_.add(device.id);
    this.host.changed();
  }

  private askName(device: Device): void {
    const { messages } = this.host;
    this.host.openDialog({
      title: messages.renameTitle,
      confirm: messages.save,
      content: () => field("device_name", messages.deviceName, device.device_name, { required: true, maxlength: 64 }),
      submit: async (form) => {
        const name = String(form.get("device_name")).trim();
        const renamed = await this.host.latchkey.renameSession({ path: { session_id: device.id }, body: { device_name: name } });
        device.device_name = renamed.device_name;
        this.host.announce(messages.renamed(device.device_name));
        this.host.changed();
      },
    });
  }

  private ask(device: Device): void {
    const { messages } = this.host;
    this.host.openDialog({
      title: messages.signOutTitle(device.device_name),
      confirm: messages.signOut,
      danger: true,
      content: () => html`<p class="muted">${device.is_current ? messages.signOutSelfText : messages.signOutText}</p>`,
      submit: async () => {
        if (device.is_current) await this.host.latchkey.logout();
        else void this.end([device], () => this.revoke(device), messages.signedOut(device.device_name));
      },
      then: () => device.is_current || this.focusAfter(),
    });
  }

  private askAll(others: Device[]): void {
    const { messages } = this.host;
    this.host.openDialog({
      title: messages.signOutOthersTitle(others.length),
      confirm: messages.signOut,
      danger: true,
      content: () => html`<p class="muted">${messages.signOutOthersText}</p>`,
      submit: () => void this.end(others, () => this.host.latchkey.revokeSessions({ query: { scope: "others" }, keepalive: true }), messages.signedOutOthers(others.length)),
      then: () => this.focusAfter(),
    });
  }

  private focusAfter(): void {
    this.host.focusOn(this.list.data?.some((device) => !device.is_current) ? "#others" : "#only-this");
  }

  private async revoke(device: Device): Promise<void> {
    try {
      await this.host.latchkey.revokeSession({ path: { session_id: device.id }, keepalive: true });
    } catch (error) {
      // The session has already ended, which is the goal.
      if (codeOf(error) !== "SESSION_NOT_FOUND") throw error;
    }
  }

  /** Remove devices from the list at once, and show them again if the request fails. */
  private async end(devices: Device[], call: () => Promise<unknown>, message: string): Promise<void> {
    const gone = new Set(devices.map((device) => device.id));
    this.failure = undefined;
    this.list.data = this.list.data?.filter((device) => !gone.has(device.id));
    this.host.changed();
    try {
      await this.host.recently(call);
      this.host.announce(message);
    } catch (error) {
      this.list.data = arranged([...(this.list.data ?? []).filter((device) => !gone.has(device.id)), ...devices]);
      if (!(error instanceof Cancelled) && !this.host.ended()) this.failure = error;
      this.host.changed();
    }
  }
}

function fact(label: string, value: string): View {
  return html`<div><dt>${label}</dt><dd>${value}</dd></div>`;
}

function arranged(devices: Device[]): Device[] {
  return devices.sort(
    (a, b) => Number(b.is_current) - Number(a.is_current) || Date.parse(b.last_activity) - Date.parse(a.last_activity),
  );
}
