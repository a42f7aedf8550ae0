/** A page of somebody else's, which wants to act for whoever visits it. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { BASE, launch, profile, settled, signIn, someone } from "./browser.mjs";

let browser;
let server;
before(async () => {
  browser = await launch();
  server = createServer((_request, answer) => answer.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>A prize</title><body>"));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
});
after(async () => {
  await browser?.close();
  server?.close();
});

// Another port of the same host is the same site, so that the browser sends the strict cookie: what
// holds there is the check of the origin alone. By its address the machine is another site, whose
// pages the cookie does not come along with.
const ATTACKERS = [["of the same site", "localhost", true], ["of another site", "127.0.0.1", false]];

for (const [name, host, cookies] of ATTACKERS) {
  test(`an origin ${name} can neither refresh nor sign out, by a form or by fetch`, async () => {
    const { email } = await someone();
    const context = await profile(browser);
    const mine = await signIn(context, email);
    await settled(mine);
    const page = await context.newPage();
    const home = `http://${host}:${server.address().port}/`;
    await page.goto(home);
    // Signing out takes a token that only a script of the page has: the cookie alone does nothing there.
    for (const [path, refused] of [["/auth/refresh", cookies ? 403 : 401], ["/auth/logout", 401]]) {
      const posted = async (act) => {
        const [response] = await Promise.all([page.waitForResponse((given) => given.url().endsWith(path) && given.request().method() === "POST"), act()]);
        assert.equal(response.headers()["set-cookie"], undefined);
        return response;
      };
      const fetched = (init) => page.evaluate(([url, more]) => fetch(url, { method: "POST", credentials: "include", ...more }).then((answer) => answer.type, () => "failed"), [`${BASE}/api/v1${path}`, init]);
      // What a page can send to anybody without asking first.
      const simple = await posted(() => fetched({ mode: "no-cors" }));
      assert.equal(simple.status(), refused, path);
      const disguised = await posted(() => fetched({ mode: "no-cors", headers: { "content-type": "text/plain" }, body: "{}" }));
      assert.ok([400, 401, 403, 415].includes(disguised.status()), `${path} ${disguised.status()}`);
      // JSON has to be asked for, and is not allowed.
      assert.equal(await fetched({ headers: { "content-type": "application/json" }, body: "{}" }), "failed");
      const submitted = await posted(() => page.evaluate((url) => {
        const form = document.createElement("form");
        [form.method, form.action] = ["post", url];
        document.body.append(form);
        form.submit();
      }, `${BASE}/api/v1${path}`));
      await page.waitForURL(`**${path}`);
      assert.equal(submitted.status(), refused, path);
      const { cookie = "", origin } = await submitted.request().allHeaders();
      assert.equal(`${origin}/`, home);
      assert.equal(cookie.includes("latchkey_refresh"), cookies);
      if (refused === 403) assert.match(await page.textContent("body"), /ORIGIN_NOT_ALLOWED/);
      await page.goto(home);
    }
    // Whoever reads is told nothing either.
    const read = await page.evaluate((url) => fetch(url, { credentials: "include" }).then((answer) => answer.status, () => "refused"), `${BASE}/api/v1/users/me`);
    assert.equal(read, "refused");
    await mine.evaluate(() => document.querySelector("latchkey-settings").latchkey.refresh());
    await context.close();
  });
}
