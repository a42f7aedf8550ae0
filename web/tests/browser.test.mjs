import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BASE, PASSWORD, call, launch, look, profile, settled, signIn, someone } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const SECTIONS = ["profile", "preferences", "devices", "activity", "password", "data"];

test("one browser signs the other out, which is told on its next action", async () => {
  const { email } = await someone();
  const [laptop, other] = [await profile(browser), await profile(browser)];
  const mine = await signIn(laptop, email, "devices");
  const theirs = await signIn(other, email, "profile");
  await settled(theirs);
  await mine.reload();
  await settled(mine);
  // The registration's own session is on the list too.
  await mine.click('section[aria-labelledby="others"] li:has(.name:has-text("Chrome")) >> role=button[name^="Sign out"]');
  await mine.click('dialog[open] .danger');
  await mine.waitForSelector("[aria-live]:has-text('has been signed out')", { state: "attached" });
  await theirs.click("nav >> text=Devices");
  await theirs.waitForSelector("text=You were signed out");
  assert.match(await theirs.textContent("latchkey-settings [role=status]"), /signed out from another/);
  assert.deepEqual([...laptop.complaints, ...other.complaints], []);
  await look(theirs, "signed-out-elsewhere");
  await laptop.close();
  await other.close();
});

test("tabs that refresh at the same time stay signed in", async () => {
  const [tabs, refreshes] = [Number(process.env.TABS ?? 3), Number(process.env.REFRESHES ?? 4)];
  const { email } = await someone();
  const context = await profile(browser);
  await (await signIn(context, email)).close();
  const pages = await Promise.all(Array.from({ length: tabs }, async () => {
    const page = await context.newPage();
    await page.goto(`${BASE}/`);
    await page.waitForSelector("latchkey-settings h2");
    return page;
  }));
  const outcomes = await Promise.all(pages.map((page) => page.evaluate(async (times) => {
    const { api } = document.querySelector("latchkey-settings");
    const seen = [];
    for (let turn = 0; turn < times; turn += 1) seen.push(await api.refresh().then(() => "ok", (error) => error.code));
    return seen;
  }, refreshes)));
  const logouts = outcomes.flat().filter((outcome) => !["ok", "GATEWAY", "TEMPORARILY_UNAVAILABLE"].includes(outcome));
  assert.deepEqual(logouts, []);
  for (const page of pages) {
    await page.evaluate(() => document.querySelector("latchkey-settings").api.me());
  }
  const kept = await pages[0].evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.equal(kept, '[{},{},""]', "no token where a script can read it");
  await context.close();
});

test("a form on another site can't act for somebody", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const page = await signIn(context, email);
  // The same machine by another name: another site to the browser.
  await page.goto("about:blank");
  await page.setContent(`<form method="post" action="${BASE}/api/v1/auth/refresh"><button>Win</button></form>`);
  const [answer] = await Promise.all([page.waitForResponse(/auth\/refresh/), page.click("button")]);
  assert.ok([400, 401, 403, 415].includes(answer.status()), String(answer.status()));
  await context.close();
});

test("what the service refuses comes back to the list, and what it no longer knows stays away", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const page = await signIn(context, email, "devices");
  await settled(page);
  const others = page.locator('section[aria-labelledby="others"] [part=device]');
  const signOut = async () => {
    await others.locator('button[id^="out-"]').first().click();
    await page.click("dialog[open] .danger");
  };
  await page.route("**/users/me/sessions/*", (route) => route.fulfill({ status: 503, json: { success: false, error: { code: "TEMPORARILY_UNAVAILABLE", message: "", request_id: "req_42" } } }));
  await signOut();
  await page.waitForSelector("[role=alert] >> text=req_42");
  assert.equal(await others.count(), 1);
  await page.unroute("**/users/me/sessions/*");
  await page.route("**/users/me/sessions/*", (route) => route.fulfill({ status: 404, json: { success: false, error: { code: "SESSION_NOT_FOUND", message: "", request_id: "req_43" } } }));
  await signOut();
  await page.waitForSelector("text=Only this device is signed in.");
  assert.equal(await page.evaluate(() => document.activeElement.shadowRoot.activeElement.id), "only-this");
  await look(page, "only-this-device");
  await context.close();
});

test("an export asks for the password only when the sign-in is old, and survives a reload", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const page = await signIn(context, email, "data");
  await settled(page);
  let stale = true;
  await page.route("**/users/me/export", (route) => stale
    ? route.fulfill({ status: 403, json: { success: false, error: { code: "REAUTHENTICATION_REQUIRED", message: "", request_id: "req_1" } } })
    : route.continue());
  await page.click("text=Request my data");
  await page.waitForSelector("#step_up_password");
  await look(page, "step-up");
  await page.fill("#step_up_password", "not the password at all");
  await page.click("dialog[open] .primary");
  await page.waitForSelector("dialog[open] [role=alert]");
  await look(page, "step-up-wrong");
  stale = false;
  await page.fill("#step_up_password", PASSWORD);
  await page.click("dialog[open] .primary");
  await page.waitForSelector("progress");
  await look(page, "export-running");
  await page.reload();
  await page.waitForSelector("text=Your data is ready", { timeout: 120_000 });
  await look(page, "export-ready");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download")]);
  assert.match(download.suggestedFilename(), /\.zip$/);
  await context.close();
});

test("leaving says what goes, wants the address typed, and names the day", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const page = await signIn(context, email, "data");
  await settled(page);
  await page.click("text=Delete account…");
  await page.fill("#confirm_email", "somebody@else.example");
  await page.click("dialog[open] .danger");
  await page.waitForSelector("#confirm_email[aria-invalid=true]");
  await page.fill("#confirm_email", email);
  await page.click("dialog[open] .danger");
  await page.waitForSelector("text=Your account is deleted");
  assert.match(await page.textContent("latchkey-settings [role=status]"), /erased for good on \d+ \w+ 20\d\d/);
  await look(page, "deleted");
  await context.close();
});

test("every state reads well and has no violation", async () => {
  const violations = [];
  const { email } = await someone();
  await call("/auth/login", { email, password: PASSWORD, device_name: "Grace’s phone" });
  const looks = process.env.SCREENSHOTS
    ? [["light", { colorScheme: "light" }], ["dark", { colorScheme: "dark" }], ["phone", { viewport: { width: 360, height: 740 } }], ["german", { locale: "de-DE", viewport: { width: 320, height: 640 }, colorScheme: "dark" }]]
    : [["light", { colorScheme: "light" }], ["dark-phone", { colorScheme: "dark", viewport: { width: 320, height: 640 }, locale: "de-DE" }]];
  for (const [name, options] of looks) {
    const context = await profile(browser, { ...options, reducedMotion: "reduce" });
    const page = await context.newPage();
    await page.goto(`${BASE}/register`);
    await page.waitForSelector("form");
    await look(page, `${name}-register`, violations);
    await page.goto(`${BASE}/`);
    await page.waitForSelector("#login");
    await look(page, `${name}-sign-in`, violations);
    await page.close();
    const inside = await signIn(context, email);
    for (const section of SECTIONS) {
      if ((await inside.locator(`[data-section=${section}]`).count()) === 0) continue; // the service lacks it
      await inside.evaluate((wanted) => { document.querySelector("latchkey-settings").show(wanted); }, section);
      await inside.waitForTimeout(50);
      await settled(inside);
      await look(inside, `${name}-${section}`, violations);
      const wide = await inside.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${name}-${section} scrolls sideways by ${wide}`);
      if (section === "devices") {
        await inside.locator("[aria-expanded]").first().click();
        await look(inside, `${name}-devices-details`, violations);
        await inside.locator(".button.danger").first().click();
        await inside.waitForSelector("dialog[open]");
        await look(inside, `${name}-devices-dialog`, violations);
        await inside.keyboard.press("Escape");
        await inside.waitForSelector("dialog", { state: "detached" });
        // The list can't be fetched: what is known stays.
        await inside.route("**/users/me/sessions", (route) => route.fulfill({ status: 503, json: { success: false, error: { code: "TEMPORARILY_UNAVAILABLE", message: "", request_id: "req_0123456789" } } }));
        await inside.evaluate(() => document.querySelector("latchkey-settings").show("profile"));
        await settled(inside);
        await inside.evaluate(() => document.querySelector("latchkey-settings").show("devices"));
        await inside.waitForSelector("[role=alert] >> text=req_0123456789");
        assert.ok((await inside.locator("[part=device]").count()) > 1);
        await look(inside, `${name}-devices-stale`, violations);
        await inside.unroute("**/users/me/sessions");
        let release;
        const held = new Promise((done) => (release = done));
        await inside.route("**/users/me/exports", async (route) => { await held; await route.continue(); });
        await inside.evaluate(() => document.querySelector("latchkey-settings").show("data"));
        await inside.waitForSelector("[aria-busy=true]", { state: "attached" });
        await look(inside, `${name}-loading`, violations);
        release();
        await settled(inside);
        await inside.unroute("**/users/me/exports");
      }
      if (section === "activity") assert.equal(await inside.locator(".badge.bad").count(), 0, "nothing was refused");
      if (section === "data") {
        await inside.locator(".card.danger .button").click();
        const dialog = await inside.waitForSelector("dialog[open]");
        assert.ok(await dialog.evaluate((box) => box.scrollWidth <= box.clientWidth), "the dialog scrolls sideways");
        await look(inside, `${name}-delete-dialog`, violations);
        await inside.keyboard.press("Escape");
      }
    }
    assert.deepEqual(context.complaints, []);
    await context.close();
  }
  assert.deepEqual(violations, []);
});

test("what the page weighs", async () => {
  const context = await profile(browser);
  const page = await context.newPage();
  await page.addInitScript(() => {
    window.paints = [];
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.paints.push(entry.startTime); }).observe({ type: "largest-contentful-paint", buffered: true });
  });
  await page.goto(`${BASE}/`);
  await page.waitForSelector("#login");
  await page.waitForTimeout(500);
  const figures = await page.evaluate(() => {
    const fetched = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    return { requests: fetched.length, transfer: fetched.reduce((sum, entry) => sum + entry.transferSize, 0), lcp: Math.round(Math.max(0, ...window.paints)) };
  });
  console.log(`page: ${JSON.stringify(figures)}`);
  assert.ok(figures.requests <= 8);
  await context.close();
});
