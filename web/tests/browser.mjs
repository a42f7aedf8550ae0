/** What the tests share: a browser, people, and a look at every state. */
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const BASE = process.env.BASE_URL ?? "http://localhost:8000";
export const PASSWORD = "paper lantern harbour 42";
const SHOTS = process.env.SCREENSHOTS;
const AXE = await readFile(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A browser profile of its own. What its pages complain about is kept in `complaints`. */
export async function profile(browser, options = {}) {
  // As people's browsers say it, not "HeadlessChrome".
  const userAgent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${browser.version().split(".")[0]}.0.0.0 Safari/537.36`;
  const context = await browser.newContext({ userAgent, locale: "en-GB", timezoneId: "Europe/Berlin", viewport: { width: 1180, height: 860 }, ...options });
  context.setDefaultTimeout(45_000);
  context.complaints = [];
  context.on("weberror", (error) => context.complaints.push(String(error.error())));
  await context.exposeBinding("complain", (_source, text) => context.complaints.push(text));
  await context.addInitScript(() => document.addEventListener("securitypolicyviolation", (event) => window.complain(`${event.violatedDirective} ${event.blockedURI}`)));
  return context;
}

let count = 0;
export function address() {
  count += 1;
  return `b${process.pid}.${Date.now().toString(36)}.${count}@example.com`;
}

/** The emulator starts a process a request, and says 503 when it can't: repeat, as clients do. */
export async function call(path, body, token, method = "POST", headers = {}) {
  for (let turn = 0; ; turn += 1) {
    const answer = await fetch(`${BASE}/api/v1${path}`, {
      method,
      headers: { "content-type": "application/json", ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const data = await answer.json().catch(() => null);
    if (answer.status < 500 || turn === 5) return { status: answer.status, ...data };
    await new Promise((done) => setTimeout(done, 500));
  }
}

export async function someone() {
  const email = address();
  const made = await call("/auth/register", { email, password: PASSWORD, full_name: "Grace Hopper" });
  return { email, token: made.data.access_token };
}

export async function signIn(context, email, section = "") {
  const page = await context.newPage();
  await page.goto(`${BASE}/${section ? `#${section}` : ""}`);
  await page.fill("#login", email);
  await page.fill("#password", PASSWORD);
  await page.click("button.go");
  await page.waitForSelector("latchkey-settings h2");
  return page;
}

/** The service's answer to a request of the page, where the real one can't be had on demand. */
export function refusal(status, code, requestId, message = "") {
  return (route) => route.fulfill({ status, json: { success: false, error: { code, message, request_id: requestId } } });
}

/** What a person does with a mail: wait for it, and take the address of its link. */
/** What a mail to somebody says where this pattern matches. */
async function inMail(email, pattern) {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    const { mails } = await (await fetch(`${BASE}/_dev/mail.json`)).json();
    for (const { To, BodyText } of mails) {
      const found = To[0] === email && pattern.exec(BodyText);
      if (found) return found;
    }
    await new Promise((done) => setTimeout(done, 150));
  }
  throw new Error(`no mail with ${pattern} came to ${email}`);
}

export async function linkTo(email, path) {
  return (await inMail(email, new RegExp(`https?://\\S+/${path}#token=\\S+`)))[0];
}

export async function codeTo(email) {
  return (await inMail(email, /Code: (\w{5}-\w{5})/))[1];
}

export async function show(page, section) {
  await page.evaluate((wanted) => {
    const element = document.querySelector("latchkey-settings");
    element.show(wanted);
    return element.updateComplete;
  }, section);
  await settled(page);
}

/** The id of what has the focus, inside of the element. */
export const focused = (page) => page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.id ?? null);

/** The skeletons are gone. */
export async function settled(page) {
  await page.waitForFunction(() => {
    const root = document.querySelector("latchkey-settings")?.shadowRoot;
    return root && !root.querySelector('[aria-busy="true"]');
  });
}

/** Keep a picture, if somebody wants to see them, and have axe find nothing. */
export async function look(page, name) {
  if (SHOTS) {
    await mkdir(SHOTS, { recursive: true });
    await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true, animations: "disabled" });
  }
  // By the debugger's way in, which the page's own policy does not concern.
  if (!(await page.evaluate("!!window.axe"))) await page.evaluate(AXE);
  const found = await page.evaluate(`(async () => {
    // What still fades in has not its colours yet. Skeletons never end, and may breathe.
    for (const root of [document, document.querySelector("latchkey-settings")?.shadowRoot])
      for (const animation of root?.getAnimations() ?? []) if (animation.effect.getComputedTiming().endTime !== Infinity) animation.finish();
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.map((v) => v.id + ": " + v.nodes.map((n) => n.target.join(" ") + " " + (n.failureSummary || "").slice(0, 200)).join(" | "));
  })()`);
  assert.deepEqual(found, [], name);
}
