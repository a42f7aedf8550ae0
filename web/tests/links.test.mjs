/** The links of the mails, followed as a person does: each leads to a page that does what it says. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BASE, PASSWORD, address, call, codeTo, launch, linkTo, look, profile, settled, signIn, someone } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

async function followed(context, link) {
  const page = await context.newPage();
  await page.goto(link);
  await page.waitForSelector("form");
  assert.equal(new URL(page.url()).hash, "", "the token stays neither in the address bar nor in the history");
  return page;
}

test("an address is confirmed, once", async () => {
  const { email, token } = await someone();
  const link = await linkTo(email, "verify-email");
  const context = await profile(browser);
  const page = await followed(context, link);
  await page.fill("#password", PASSWORD);
  await page.click("button.go");
  await page.waitForSelector("text=Your address is confirmed.");
  await look(page, "link-verified");
  assert.equal((await call("/users/me", undefined, token, "GET")).data.is_verified, true);
  const again = await followed(context, link);
  await again.fill("#password", PASSWORD);
  await again.click("button.go");
  await again.waitForSelector("text=This link has been used or has expired.");
  await again.click("text=Send the link");
  await again.fill("#email", email);
  await again.click("button.go");
  await again.waitForSelector("text=a link is on its way to this address");
  await again.goto(`${BASE}/verify-email`);
  await again.waitForSelector("text=This link is incomplete.");
  assert.deepEqual(context.complaints, []);
  await context.close();
});

test("a forgotten password is replaced", async () => {
  const { email, token } = await someone();
  const context = await profile(browser);
  const page = await context.newPage();
  await page.goto(`${BASE}/`);
  await page.click("text=Forgot it?");
  await page.fill("#email", email);
  await page.click("button.go");
  await page.waitForSelector("text=If there is an account with this address");
  const reset = await followed(context, await linkTo(email, "reset-password"));
  await reset.fill("#new_password", "short");
  await reset.click("button.go");
  await reset.waitForSelector("[role=alert]");
  await reset.fill("#new_password", "nine violet kites at noon");
  await reset.click("button.go");
  await reset.waitForSelector("text=Your password has been changed.");
  assert.equal((await call("/users/me", undefined, token, "GET")).error.code, "SESSION_REVOKED");
  await reset.click("a.go");
  await reset.fill("#login", email);
  await reset.fill("#password", "nine violet kites at noon");
  await reset.click("button.go");
  await reset.waitForSelector("latchkey-settings h2");
  await context.close();
});

test("a code by mail lets its owner in where too many have guessed", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const page = await context.newPage();
  // The service's own answer, which a test's stack gives after hundreds of guesses only.
  const details = [{ field: "code", code: "REQUIRED", message: "Ask for a code by mail, and send it with the password." }];
  const error = { code: "TOO_MANY_ATTEMPTS", message: "Too many attempts.", request_id: "guessed", details };
  await page.route("**/api/v1/auth/login", (route) => route.fulfill({ status: 429, headers: { "retry-after": "900" }, json: { success: false, error } }), { times: 1 });
  await page.goto(`${BASE}/`);
  await page.fill("#login", email);
  await page.fill("#password", PASSWORD);
  await page.click("button.go");
  await page.click("text=Email me a code");
  await page.waitForSelector("text=a code is on its way");
  await look(page, "sign-in-code");
  await page.fill("#code", "00000-00000");
  await page.click("button.go");
  await page.waitForSelector("text=This code is wrong");
  await page.fill("#code", (await codeTo(email)).toLowerCase());
  await page.click("button.go");
  await page.waitForSelector("latchkey-settings h2");
  assert.deepEqual(context.complaints, []);
  await context.close();
});

test("a new address counts once its link was followed, and the old one can take it back", async () => {
  const { email } = await someone();
  const next = address();
  const context = await profile(browser);
  const page = await signIn(context, email);
  await settled(page);
  const change = async (to) => {
    await page.click("main >> text=Change…");
    await page.fill("#new_email", to);
    await page.click("dialog[open] .primary");
  };
  await change(email);
  await page.waitForSelector("#new_email[aria-invalid=true]");
  await look(page, "email-dialog");
  await page.fill("#new_email", next);
  await page.click("dialog[open] .primary");
  await page.waitForSelector(`.notice >> text=A link is on its way to ${next}.`);
  await look(page, "email-sent");
  // This browser asked for the link, so the link is enough.
  const confirm = await followed(context, await linkTo(next, "verify-email"));
  await confirm.waitForSelector("text=Your address is confirmed.");
  await page.reload();
  await page.waitForSelector(`section >> text=${next}`);
  const undo = await followed(await profile(browser), await linkTo(email, "undo-email-change"));
  await undo.click("button.go");
  await undo.waitForSelector("text=Your old address is restored.");
  await look(undo, "link-undone");
  await page.click("nav >> text=Devices");
  await page.waitForSelector("text=You were signed out");
  const reset = await followed(context, await linkTo(email, "reset-password"));
  await reset.fill("#new_password", "nine violet kites at noon");
  await reset.click("button.go");
  await reset.waitForSelector("text=Your password has been changed.");
  assert.equal((await call("/auth/login", { email, password: "nine violet kites at noon" })).status, 200);
  await context.close();
});

test("a sign-in that was somebody else's is ended, and the password opens nothing more", async () => {
  const { email, token } = await someone();
  const thief = await profile(browser);
  const theirs = await signIn(thief, email, "profile");
  await settled(theirs);
  const context = await profile(browser);
  const page = await followed(context, await linkTo(email, "not-me"));
  await page.waitForSelector(".reported strong");
  const shown = await page.innerText(".reported");
  const [reported] = (await call("/users/me/sessions", undefined, token, "GET")).data.sessions.filter((each) => !each.is_current);
  assert.ok(shown.includes(reported.device_name) && shown.includes(reported.ip_address), shown);
  assert.equal(reported.is_active, true, "looking changes nothing");
  await look(page, "link-not-me-asks");
  await page.click("button.go");
  await page.waitForSelector("text=The device has been signed out.");
  await look(page, "link-not-me");
  await theirs.click("nav >> text=Devices");
  await theirs.waitForSelector("text=You were signed out");
  await page.click("a.go");
  await page.fill("#login", email);
  await page.fill("#password", PASSWORD);
  await page.click("button.go");
  await page.waitForSelector("text=Choose a new password first");
  const reset = await followed(context, await linkTo(email, "reset-password"));
  await reset.fill("#new_password", "nine violet kites at noon");
  await reset.click("button.go");
  await reset.waitForSelector("text=Your password has been changed.");
  assert.equal((await call("/auth/login", { email, password: "nine violet kites at noon" })).status, 200);
  await thief.close();
  await context.close();
});

test("a deleted account is taken back", async () => {
  const { email, token } = await someone();
  assert.equal((await call("/users/me", undefined, token, "DELETE")).status, 200);
  const context = await profile(browser);
  const page = await followed(context, await linkTo(email, "restore-account"));
  await page.click("button.go");
  await page.waitForSelector("text=Your account is restored.");
  await look(page, "link-restored");
  await page.click("a.go");
  await page.fill("#login", email);
  await page.fill("#password", PASSWORD);
  await page.click("button.go");
  await page.waitForSelector("latchkey-settings h2");
  await settled(page);
  assert.equal(await page.inputValue("#full_name"), "Grace Hopper");
  await context.close();
});

test("the mail about an export leads to it, through the sign-in", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const page = await context.newPage();
  await page.goto(`${BASE}/exports`);
  await page.fill("#login", email);
  await page.fill("#password", PASSWORD);
  await page.click("button.go");
  await page.waitForSelector("text=Take your data with you");
  await context.close();
});
