import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, call, focused, launch, look, profile, refusal, settled, show, signIn, someone } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const OTHERS = 'section[aria-labelledby="others"] [part=device]';

test("one browser signs the other out, which is told why on its next action", async () => {
  const { email } = await someone();
  const [laptop, other] = [await profile(browser), await profile(browser)];
  const theirs = await signIn(other, email, "profile");
  await settled(theirs);
  const mine = await signIn(laptop, email, "devices");
  await settled(mine);
  const reason = theirs.evaluate(() => new Promise((done) => addEventListener("latchkey-signed-out", (event) => done(event.detail.reason))));
  // The registration's own session is on the list too.
  await mine.click(`${OTHERS}:has(.name:has-text("Chrome")) >> role=button[name^="Sign out"]`);
  assert.match(await mine.textContent("dialog[open] h3"), /^Sign out Chrome on \w+\?$/);
  await mine.click("dialog[open] .danger");
  await mine.waitForSelector("[aria-live]:has-text('has been signed out')", { state: "attached" });
  await theirs.click("nav >> text=Devices");
  await theirs.waitForSelector("text=You were signed out");
  assert.match(await theirs.textContent("latchkey-settings [role=status]"), /signed out from another/);
  assert.equal(await reason, "SESSION_REVOKED");
  assert.equal(await focused(theirs), "over");
  assert.deepEqual([...laptop.complaints, ...other.complaints], []);
  await look(theirs, "signed-out-elsewhere");
  await theirs.click("text=Sign in again");
  await theirs.waitForSelector("#login");
  await laptop.close();
  await other.close();
});

test("what the service refuses comes back to the list, and what it no longer knows stays away", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const page = await signIn(context, email, "devices");
  await settled(page);
  const others = page.locator(OTHERS);
  const signOut = async () => {
    await others.locator('button[id^="out-"]').first().click();
    await page.click("dialog[open] .danger");
  };
  let answer;
  const asked = new Promise((done) => { answer = done; });
  await page.route("**/users/me/sessions/*", async (route) => { await asked; await refusal(503, "TEMPORARILY_UNAVAILABLE", "req_42")(route); });
  await signOut();
  // Gone before the service has answered.
  await page.waitForSelector("text=Only this device is signed in.");
  answer();
  await page.waitForSelector("[role=alert] >> text=req_42");
  assert.equal(await others.count(), 1);
  await page.unroute("**/users/me/sessions/*");
  // Ended from somewhere else meanwhile: the service's own 404.
  const { data } = await call("/auth/login", { email, password: PASSWORD });
  const id = (await others.locator('button[id^="out-"]').first().getAttribute("id")).slice("out-".length);
  assert.equal((await call(`/users/me/sessions/${id}`, undefined, data.access_token, "DELETE")).status, 200);
  const [answered] = await Promise.all([page.waitForResponse(/users\/me\/sessions\/ses_/), signOut()]);
  assert.equal(answered.status(), 404);
  await page.waitForSelector("text=Only this device is signed in.");
  assert.equal(await page.locator("[role=alert]").count(), 0);
  assert.equal(await focused(page), "only-this");
  await look(page, "only-this-device");
  await context.close();
});

test("a list that can't be fetched keeps what is known, and can be tried again", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const page = await signIn(context, email, "devices");
  await settled(page);
  await page.route("**/users/me/sessions", refusal(503, "TEMPORARILY_UNAVAILABLE", "req_0123456789"));
  await show(page, "profile");
  await show(page, "devices");
  await page.waitForSelector("[role=alert] >> text=req_0123456789");
  assert.equal(await page.locator("[part=device]").count(), 2);
  await page.unroute("**/users/me/sessions");
  await page.click("role=button[name='Try again']");
  await page.waitForSelector("[role=alert]", { state: "detached" });
  // With nothing known there is nothing to keep.
  await page.route("**/users/me/sessions", (route) => route.abort());
  await page.reload();
  await page.waitForSelector("text=You seem to be offline");
  assert.equal(await page.locator("[part=device]").count(), 0);
  await look(page, "devices-error");
  await context.close();
});

test("a device gets a name, and all others go with one word, by the keyboard alone", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const page = await signIn(context, email, "devices");
  await settled(page);
  const reach = async (matches) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press("Tab");
      const label = await page.evaluate(() => {
        const at = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement;
        return at?.getAttribute("aria-label") ?? at?.textContent?.trim() ?? "";
      });
      if (matches.test(label)) return label;
    }
    throw new Error(`the keyboard does not reach ${matches}`);
  };
  await reach(/^Details of Chrome/);
  await page.keyboard.press("Enter");
  await page.waitForSelector("dl.facts");
  await reach(/^Rename Chrome/);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#device_name");
  assert.equal(await focused(page), "device_name");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("The green laptop");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[part=device] .name >> text=The green laptop");
  await page.waitForSelector("dialog", { state: "detached" });
  // Escape leaves a dialog, and the focus is where it was.
  await reach(/^Sign out all other devices \(1\)/);
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open]");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  assert.equal(await page.locator(OTHERS).count(), 1);
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open]");
  assert.equal(await page.textContent("dialog[open] h3"), "Sign out the other device?");
  await reach(/^Sign out$/);
  const calls = [];
  page.on("request", (request) => { if (request.method() === "DELETE") calls.push(new URL(request.url()).search); });
  await page.keyboard.press("Enter");
  await page.waitForSelector("text=Only this device is signed in.");
  assert.equal(await focused(page), "only-this");
  await page.waitForSelector("[aria-live]:has-text('One device has been signed out.')", { state: "attached" });
  assert.deepEqual(calls, ["?scope=others"], "all of them by one call");
  await page.reload();
  await page.waitForSelector("[part=device] .name >> text=The green laptop");
  await page.waitForSelector("text=Only this device is signed in.");
  assert.match(await page.textContent("[part=device]"), /Location unknown/);
  // This very device, last.
  await page.click('[id^="out-"]');
  await page.click("dialog[open] .danger");
  await page.waitForSelector("text=See you soon.");
  assert.deepEqual(context.complaints, []);
  await context.close();
});
