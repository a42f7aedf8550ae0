/** What the page weighs, how soon it is there, and the policy that it lives under. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { BASE, launch, profile, settled, signIn, someone } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

/** Lighthouse's own, as far as a page can see them: no blocking time without long tasks. */
function observe() {
  window.seen = { lcp: 0, cls: 0, tbt: 0 };
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.seen.lcp = entry.startTime; }).observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.seen.cls += entry.value; }).observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.seen.tbt += Math.max(0, entry.duration - 50); }).observe({ type: "longtask", buffered: true });
}

async function figures(page) {
  // Idle twice: what was still to be laid out is.
  await page.evaluate(async () => { for (let turn = 0; turn < 2; turn += 1) await new Promise((done) => requestIdleCallback(done)); });
  return page.evaluate((api) => {
    const fetched = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].filter((entry) => !entry.name.includes(api));
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    return {
      files: fetched.length,
      fcp: Math.round(paint.startTime),
      lcp: Math.round(window.seen.lcp),
      cls: Math.round(window.seen.cls * 1000) / 1000,
      tbt: Math.round(window.seen.tbt),
    };
  }, "/api/v1/");
}

/** Compressed, as CloudFront does it; the local edge does not. */
async function weight() {
  let sum = 0;
  for (const path of ["/", "/assets/page.js", "/assets/latchkey-settings.js", "/assets/page.css", "/assets/icon.svg"]) {
    sum += gzipSync(Buffer.from(await (await fetch(BASE + path)).arrayBuffer()), { level: 9 }).length;
  }
  return sum;
}

test("what the page weighs, and how soon it is there", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const inside = await signIn(context, email, "devices");
  await inside.close();
  const bytes = await weight();
  for (const [name, slow] of [["here", null], ["phone", { latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 750e3 / 8 }]]) {
    for (const [what, keep] of [["sign in", await profile(browser)], ["devices", context]]) {
      const page = await keep.newPage();
      if (slow) {
        // Lighthouse's phone: slow 4G, and a processor four times slower.
        const wire = await keep.newCDPSession(page);
        await wire.send("Network.enable");
        await wire.send("Network.emulateNetworkConditions", { offline: false, ...slow });
        await wire.send("Emulation.setCPUThrottlingRate", { rate: 4 });
      }
      await page.addInitScript(observe);
      await page.goto(`${BASE}/#devices`);
      await page.waitForSelector(what === "devices" ? "[part=device]" : "#login");
      if (what === "devices") await settled(page);
      const found = await figures(page);
      console.log(`${what}, ${name}: ${JSON.stringify({ bytes, ...found })}`);
      assert.ok(found.files <= 8, `${found.files} files`);
      assert.ok(found.cls <= 0.1, `things move: ${found.cls}`);
      await page.close();
    }
  }
  assert.ok(bytes <= 45_000, `${bytes} bytes`);
  await context.close();
});

test("nothing of the page is inline, and its policy allows nothing that would be", async () => {
  for (const door of ["/", "/reset-password", "/exports"]) {
    const answer = await fetch(BASE + door);
    const policy = Object.fromEntries(answer.headers.get("content-security-policy").split(";").map((part) => part.trim().split(/ (.*)/s)));
    assert.equal(policy["default-src"], "'none'");
    assert.deepEqual([policy["script-src"], policy["style-src"], policy["base-uri"], policy["frame-ancestors"]], ["'self'", "'self'", "'none'", "'none'"]);
    assert.equal(policy["require-trusted-types-for"], "'script'");
    const text = await answer.text();
    assert.doesNotMatch(text, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:/i);
  }
  // The policy is enforced: a script of an attacker's does not run.
  const context = await profile(browser);
  const page = await context.newPage();
  await page.goto(`${BASE}/`);
  await page.waitForSelector("#login");
  assert.deepEqual(context.complaints, []);
  await page.evaluate(() => {
    const script = document.createElement("script");
    try { script.textContent = "window.taken = true"; } catch { /* Trusted Types */ }
    document.head.append(script);
    try { document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.taken = true'>"); } catch { /* Trusted Types */ }
  });
  for (const end = Date.now() + 5_000; context.complaints.length === 0 && Date.now() < end; ) await page.evaluate(() => new Promise(requestAnimationFrame));
  assert.ok(context.complaints.length > 0);
  assert.equal(await page.evaluate(() => window.taken), undefined);
  await context.close();
});
