import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BASE, PASSWORD, launch, look, profile, settled, signIn, someone } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const [TABS, REFRESHES] = [Number(process.env.TABS ?? 3), Number(process.env.REFRESHES ?? 4)];

async function opened(context, tabs) {
  return Promise.all(Array.from({ length: tabs }, async () => {
    const page = await context.newPage();
    await page.goto(`${BASE}/`);
    await page.waitForSelector("latchkey-settings h2");
    return page;
  }));
}

test(`${TABS} tabs that refresh ${REFRESHES} times each stay signed in`, async () => {
  const { email } = await someone();
  const context = await profile(browser);
  await (await signIn(context, email)).close();
  const pages = await opened(context, TABS);
  let sent = 0;
  context.on("request", (request) => { if (request.url().endsWith("/auth/refresh")) sent += 1; });
  const outcomes = await Promise.all(pages.map((page) => page.evaluate(async (times) => {
    const { latchkey } = document.querySelector("latchkey-settings");
    const seen = [];
    for (let turn = 0; turn < times; turn += 1) seen.push(await latchkey.refresh().then(() => "ok", (error) => error.code));
    return seen;
  }, REFRESHES)));
  // The emulator may be out of processes for a moment; what counts is that nobody is signed out.
  const passing = new Set(["ok", "TIMEOUT", "NETWORK_ERROR", "GATEWAY_UNAVAILABLE", "TEMPORARILY_UNAVAILABLE"]);
  assert.deepEqual(outcomes.flat().filter((outcome) => !passing.has(outcome)), []);
  const good = outcomes.flat().filter((outcome) => outcome === "ok").length;
  assert.ok(good >= 0.9 * TABS * REFRESHES, `${good} of ${TABS * REFRESHES} succeeded`);
  for (const page of pages) {
    assert.equal(await page.evaluate(() => document.querySelector("latchkey-settings").latchkey.getMe().then((me) => me.email)), email);
    assert.equal(await page.locator("text=You were signed out").count(), 0);
  }
  console.log(`${TABS} tabs × ${REFRESHES}: ${good} refreshed by ${sent} requests, 0 logouts`);
  assert.ok(sent >= REFRESHES);
  await context.close();
});

test("one tab signs out, and the others say so at once", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  await (await signIn(context, email)).close();
  const [first, second] = await opened(context, 2);
  await first.click(".bar >> text=Sign out");
  await first.waitForSelector("#login");
  await second.waitForSelector("text=See you soon.");
  // And in again: the other tab is, too.
  await first.fill("#login", email);
  await first.fill("#password", PASSWORD);
  await first.click("button.go");
  await second.waitForSelector("latchkey-settings nav");
  await settled(second);
  assert.equal(await second.inputValue("#full_name"), "Grace Hopper");
  await context.close();
});

test("no script finds a token, wherever it looks", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const page = await signIn(context, email, "devices");
  await settled(page);
  const kept = await page.evaluate(async () => ({
    local: { ...localStorage },
    session: { ...sessionStorage },
    cookie: document.cookie,
    databases: (await indexedDB.databases()).map(({ name }) => name),
    caches: await caches.keys(),
    globals: Object.keys(window).filter((name) => /token|latchkey/i.test(name)),
  }));
  assert.deepEqual(kept, { local: {}, session: {}, cookie: "", databases: [], caches: [], globals: [] });
  const refresh = (await context.cookies()).filter(({ name }) => /refresh/.test(name));
  assert.equal(refresh.length, 1);
  assert.deepEqual([refresh[0].httpOnly, refresh[0].secure, refresh[0].sameSite], [true, true, "Strict"]);
  await look(page, "tabs-devices");
  await context.close();
});
