/**
 * Every state of every screen: as a picture for whoever wants to look (SCREENSHOTS), and to axe.
 * LOOKS=all tries them in every look; without it all of them in the narrowest, and in the other
 * colours those that are not made of the same pieces again.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BASE, PASSWORD, call, launch, look, profile, refusal, settled, show, signIn, someone } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const SECTIONS = ["profile", "preferences", "devices", "activity", "password", "data"];
const PHONE = { viewport: { width: 320, height: 640 }, hasTouch: true };
const ALL = process.env.LOOKS === "all";
const LOOKS = {
  "dark-german-phone": { colorScheme: "dark", locale: "de-DE", ...PHONE },
  light: { colorScheme: "light" },
  ...(ALL ? {
    dark: { colorScheme: "dark" },
    german: { colorScheme: "light", locale: "de-DE" },
    "light-phone": { colorScheme: "light", ...PHONE },
  } : {}),
};
const SCREENS = ["", "register", "forgot-password", "resend-verification", "reset-password#token=x", "verify-email#token=x", "undo-email-change#token=x", "not-me#token=x", "restore-account#token=x", "reset-password"];

let email;
before(async () => {
  ({ email } = await someone());
  const agents = {
    "Grace’s phone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
  };
  for (const [name, agent] of Object.entries(agents)) {
    await call("/auth/login", { email, password: PASSWORD, ...(name ? { device_name: name } : {}) }, undefined, "POST", { "user-agent": agent });
  }
});

for (const [name, options] of Object.entries(LOOKS)) {
  test(`every state reads well and breaks no rule of axe: ${name}`, async () => {
    const every = ALL || name === "dark-german-phone";
    const context = await profile(browser, { ...options, reducedMotion: "reduce" });
    const page = await context.newPage();
    const seen = async (state) => {
      await look(page, `${name}-${state}`);
      const moving = await page.evaluate(() => document.querySelector("latchkey-settings")?.shadowRoot.getAnimations().length ?? 0);
      assert.equal(moving, 0, `${name}-${state} moves`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${name}-${state} scrolls sideways by ${wide}`);
    };
    const dialog = async (state) => {
      const box = await page.waitForSelector("dialog[open]");
      assert.ok(await box.evaluate((open) => open.scrollWidth <= open.clientWidth), `${name}-${state}: the dialog scrolls sideways`);
      await seen(state);
      await page.keyboard.press("Escape");
      await page.waitForSelector("dialog", { state: "detached" });
    };
    for (const screen of every ? SCREENS : SCREENS.slice(0, 2)) {
      await page.goto("about:blank");
      await page.goto(`${BASE}/${screen}`);
      await page.waitForSelector("form");
      await seen(`screen-${screen.replace("#token=x", "-link") || "sign-in"}`);
    }
    await page.goto(`${BASE}/`);
    await page.fill("#login", email);
    await page.fill("#password", "not the password at all");
    await page.click("button.go");
    await page.waitForSelector("[role=alert]");
    await seen("screen-sign-in-error");
    await page.fill("#password", PASSWORD);
    await page.click("button.go");
    await page.waitForSelector("latchkey-settings h2");
    await settled(page);
    for (const section of SECTIONS) {
      await show(page, section);
      await seen(section);
    }
    assert.equal(await page.locator(".button[aria-disabled=true]").count(), 0);

    await show(page, "profile");
    await page.locator("section[aria-labelledby=email] .button").last().click();
    await dialog("profile-email-dialog");
    await show(page, "devices");
    await page.locator("[aria-expanded]").first().click();
    await seen("devices-details");
    await page.locator(".renaming .button").click();
    await dialog("devices-rename-dialog");
    await page.locator(".button.danger").first().click();
    await dialog("devices-all-dialog");
    await page.locator('section[aria-labelledby="others"] [id^="out-"]').first().click();
    await dialog("devices-one-dialog");
    await page.route("**/users/me/sessions", refusal(503, "TEMPORARILY_UNAVAILABLE", "req_0123456789"));
    await show(page, "profile");
    await show(page, "devices");
    await page.waitForSelector("[role=alert] >> text=req_0123456789");
    await seen("devices-stale");
    await page.unroute("**/users/me/sessions");
    await show(page, "data");
    await page.locator(".card.danger .button").click();
    await dialog("data-delete-dialog");
    await page.route("**/users/me/export", refusal(403, "REAUTHENTICATION_REQUIRED", "req_1"));
    await page.locator("section[aria-labelledby=export-title] .button").last().click();
    await dialog("data-step-up");
    await page.unroute("**/users/me/export");
    // One export in each state, as the service says it.
    for (const [state, { sign, ...more }] of every ? Object.entries(EXPORTS) : []) {
      await page.route("**/users/me/exports", (route) => route.fulfill({ json: { success: true, data: { exports: [{ ...EXPORT, ...more }], total_count: 1 } } }));
      await page.evaluate(() => document.querySelector("latchkey-settings").show("profile"));
      await show(page, "data");
      await page.waitForSelector(sign);
      await seen(`data-export-${state}`);
      await page.unroute("**/users/me/exports");
    }
    // While it is being loaded: the skeletons, which have the height of what comes.
    const held = [];
    await page.route("**/api/v1/users/me**", (route) => { held.push(route); });
    await page.reload();
    for (const section of every ? SECTIONS.filter((each) => each !== "password") : ["devices"]) {
      await page.waitForSelector("latchkey-settings h2");
      await page.evaluate((wanted) => { document.querySelector("latchkey-settings").show(wanted); }, section);
      await page.waitForSelector("[aria-busy=true]", { state: "attached" });
      await seen(`loading-${section}`);
    }
    await page.unroute("**/api/v1/users/me**");
    for (const route of held) await route.continue().catch(() => {});
    await settled(page);
    await page.click(".bar .link");
    await page.waitForSelector("#login");
    assert.deepEqual(context.complaints, []);
    await context.close();
  });
}

const at = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
const EXPORT = {
  id: "exp_1", status: "queued", progress: 0, step: "waiting", created_at: at(0), ready_at: null, expires_at: null, size_bytes: null, sha256: null,
  failure: null, download_url: null, download_url_expires_at: null, download_blocked_by: null,
};
const EXPORTS = {
  queued: { sign: "text=0 %" },
  running: { sign: "text=57 %", status: "running", progress: 57, step: "security-history" },
  ready: { sign: "details", status: "ready", progress: 100, step: "done", ready_at: at(0), expires_at: at(72), size_bytes: 48_211, sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" },
  failed: { sign: ".notice.bad", status: "failed", failure: { code: "INTERRUPTED", message: "The export was interrupted. Please request it again." } },
  expired: { sign: "section[aria-labelledby=export-title] > p", status: "expired", progress: 100, step: "done" },
};
