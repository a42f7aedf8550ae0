/** What people see when the service is slow, busy or away, and when somebody chose a name to do harm. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BASE, PASSWORD, call, launch, look, profile, refusal, settled, show, signIn, someone } from "./browser.mjs";

let browser;
let email;
let token;
before(async () => {
  browser = await launch();
  ({ email, token } = await someone());
});
after(async () => { await browser?.close(); });

const PHONE = { viewport: { width: 320, height: 640 } };
const fits = async (page, what) => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${what} scrolls sideways`);

test("names and errors are shown as they were written, and break nothing", async () => {
  const hostile = '"><img src=x onerror=window.taken=1>${7*7}</script>';
  const long = "W".repeat(100);
  const { data } = await call("/auth/login", { email, password: PASSWORD, device_name: "ثلاجة المطبخ" });
  assert.equal((await call(`/users/me/sessions/${data.session.id}`, { device_name: hostile }, data.access_token, "PATCH")).status, 200);
  await call("/auth/login", { email, password: PASSWORD, device_name: "W".repeat(64) });
  await call("/auth/login", { email, password: PASSWORD, device_name: "ثلاجة المطبخ" });
  assert.equal((await call("/users/me", { full_name: long, display_name: `<b>${"x".repeat(80)}`, occupation: "مديرة" }, token, "PATCH")).status, 200);
  const context = await profile(browser, PHONE);
  const page = await signIn(context, email, "devices");
  await settled(page);
  const device = page.locator("[part=device]", { hasText: hostile });
  assert.equal(await device.count(), 1);
  await look(page, "hostile-devices");
  await fits(page, "devices");
  await device.locator('[id^="out-"]').click();
  assert.equal(await page.textContent("dialog[open] h3"), `Sign out ${hostile}?`);
  await fits(page, "the dialog");
  await page.keyboard.press("Escape");
  await show(page, "profile");
  assert.equal(await page.inputValue("#full_name"), long);
  await look(page, "hostile-profile");
  await fits(page, "profile");
  await show(page, "activity");
  await fits(page, "history");
  // A code that is newer than the page comes with the service's own sentence.
  await page.route("**/users/me/sessions", refusal(409, "SOMETHING_NEW", "req_7", `<i>${"No ".repeat(165)}</i>${long}`));
  await show(page, "devices");
  await page.waitForSelector("[role=alert] >> text=<i>No No");
  await look(page, "hostile-error");
  await fits(page, "an error");
  assert.equal(await page.evaluate(() => window.taken), undefined);
  assert.deepEqual(context.complaints, []);
  await context.close();
});

test("a service that is slow, busy or away is waited for, and told apart", async () => {
  const context = await profile(browser);
  const page = await signIn(context, email, "profile");
  await settled(page);
  // Slow: the shape of what comes, until it comes.
  let release;
  const held = new Promise((done) => { release = done; });
  await page.route("**/users/me/sessions", async (route) => { await held; await route.continue(); });
  await page.click("nav >> text=Devices");
  await page.waitForSelector("[aria-busy=true] .skeleton", { state: "attached" });
  release();
  await page.waitForSelector("text=Active now");
  await settled(page);
  await page.unroute("**/users/me/sessions");
  // Too often: when it makes sense again, and the device is back.
  const others = page.locator('section[aria-labelledby="others"] [part=device]');
  const before = await others.count();
  await page.route("**/users/me/sessions/*", (route) => route.fulfill({
    status: 429, headers: { "retry-after": "90" }, json: { success: false, error: { code: "TOO_MANY_ATTEMPTS", message: "", request_id: "req_8" } },
  }));
  await others.locator('[id^="out-"]').first().click();
  await page.click("dialog[open] .danger");
  await page.waitForSelector("[role=alert] >> text=Try again in 2 minutes.");
  assert.equal(await others.count(), before);
  await page.unroute("**/users/me/sessions/*");
  // What stands around the service, in its place.
  await page.route("**/users/me/activity**", (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" }));
  await page.click("nav >> text=Security history");
  await page.waitForSelector("[role=alert] >> text=The service is busy.");
  await page.unroute("**/users/me/activity**");
  await context.setOffline(true);
  await page.click("nav >> text=Devices");
  await page.waitForSelector("[role=alert] >> text=You seem to be offline.");
  assert.equal(await others.count(), before);
  await context.setOffline(false);
  await page.click("role=button[name='Try again']");
  await page.waitForSelector("[role=alert]", { state: "detached" });
  await context.close();
});

test("whoever is signed in is not asked to sign in when that could not be asked", async () => {
  const context = await profile(browser);
  await (await signIn(context, email, "devices")).close();
  const page = await context.newPage();
  let release;
  const held = new Promise((done) => { release = done; });
  let away = true;
  await page.route("**/auth/refresh", async (route) => { await held; await (away ? route.abort() : route.continue()); });
  await page.goto(`${BASE}/#devices`);
  await page.waitForSelector("[role=status] >> text=One moment");
  await look(page, "waiting");
  release();
  await page.waitForSelector("[role=alert] >> text=You seem to be offline.");
  assert.equal(await page.locator("#login").count(), 0);
  await look(page, "unreached");
  away = false;
  await page.click("text=Try again");
  await page.waitForSelector("text=Active now");
  await context.close();
});

test("a language that does not come leaves the words in English", async () => {
  const context = await profile(browser, { locale: "de-DE" });
  const asked = [];
  context.on("request", (request) => { if (request.url().endsWith(".de.js")) asked.push(request.url()); });
  await context.route("**/latchkey-settings.de.js", (route) => route.abort());
  const page = await signIn(context, email, "devices");
  await settled(page);
  assert.equal(await page.textContent("latchkey-settings h2"), "Devices");
  assert.ok(asked.length > 0);
  await context.unroute("**/latchkey-settings.de.js");
  await page.reload();
  await page.waitForSelector("latchkey-settings h2 >> text=Geräte");
  await context.close();
});
