import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, call, launch, look, profile, refusal, settled, show, signIn, someone } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

/** A picture with a black left third and white else, twice as wide as high. */
const drawn = (page) => page.evaluate(async () => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [1200, 600];
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, 1200, 600);
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, 400, 600);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  return [...new Uint8Array(await blob.arrayBuffer())];
});

/** The colours of a picture, along its middle. */
const colours = (page, url) => page.evaluate(async (from) => {
  const image = new Image();
  image.src = from;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  return [0.02, 0.1, 0.25, 0.98].map((at) => pen.getImageData(Math.floor(at * image.naturalWidth), image.naturalHeight / 2, 1, 1).data[0]);
}, url);

test("a picture is cropped, shown before it is sent, replaced by all of it, and taken away", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const page = await signIn(context, email);
  await settled(page);
  const picture = { name: "me.png", mimeType: "image/png", buffer: Buffer.from(await drawn(page)) };
  const upload = async (name, frame) => {
    await page.setInputFiles("input[type=file]", picture);
    await page.waitForSelector("canvas.preview");
    await frame?.();
    await look(page, `picture-${name}`);
    await page.click("text=Use this picture");
    await page.waitForSelector("dialog", { state: "detached" });
    return page.getAttribute("img.avatar", "src");
  };
  await page.setInputFiles("input[type=file]", { name: "notes.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
  await page.waitForSelector("[role=alert] >> text=can’t be read as a picture");
  // The middle square: from the 300th pixel on, so black for 100 of 600.
  const cropped = await upload("crop");
  const [edge, black, white] = await colours(page, cropped);
  assert.ok(edge < 40 && black < 40 && white > 215, `cropped: ${[edge, black, white]}`);
  // Its beginning, by the keyboard: black for 400 of 600.
  const beginning = await upload("beginning", async () => {
    await page.focus("#part");
    await page.keyboard.press("Home");
  });
  assert.notEqual(beginning, cropped);
  const start = await colours(page, beginning);
  assert.ok(start[0] < 40 && start[2] < 40 && start[3] > 215, `beginning: ${start}`);
  // All of it, on blurred colours of its own: white starts a third into the picture.
  const whole = await upload("fit", () => page.check("text=Show the whole picture"));
  assert.notEqual(whole, cropped);
  const [, first, second, last] = await colours(page, whole);
  assert.ok(first < 60 && second < 60 && last > 120, `whole: ${[first, second, last]}`);
  await page.reload();
  await page.waitForSelector("img.avatar");
  await page.click("text=Remove");
  await page.waitForSelector("span.avatar >> text=GH");
  assert.deepEqual(context.complaints, []);
  await context.close();
});

test("a profile says what is wrong at the field, and never overwrites what another window saved", async () => {
  const { email, token } = await someone();
  const context = await profile(browser);
  const page = await signIn(context, email);
  await settled(page);
  await page.fill("#age", "999");
  await page.fill("#occupation", "Rear admiral");
  await page.click("text=Save changes");
  await page.waitForSelector("#age[aria-invalid=true]");
  await look(page, "profile-invalid");
  await page.fill("#age", "85");
  await page.selectOption("#speaking_language", "de");
  await page.click("text=Save changes");
  await page.waitForSelector(".badge >> text=Saved");
  assert.equal((await call("/users/me", { occupation: "Programmer" }, token, "PATCH")).status, 200);
  await page.fill("#occupation", "Teacher");
  await page.click("text=Save changes");
  await page.waitForSelector("text=This was changed in another window");
  await look(page, "profile-conflict");
  await page.click("role=button[name=Reload]");
  await page.waitForFunction(() => document.querySelector("latchkey-settings").shadowRoot.querySelector("#occupation").value === "Programmer");
  assert.deepEqual([await page.inputValue("#occupation"), await page.inputValue("#age"), await page.inputValue("#speaking_language")], ["Programmer", "85", "de"]);
  await show(page, "preferences");
  await page.selectOption("#noise_level", { label: "Quiet" });
  await page.click("text=Save changes");
  await page.waitForSelector(".badge >> text=Saved");
  await page.check("text=News and offers");
  await page.waitForSelector("text=Your decisions");
  await page.reload();
  await settled(page);
  assert.equal(await page.inputValue("#noise_level"), '"quiet"');
  assert.equal(await page.isChecked("text=News and offers"), true);
  await context.close();
});

test("a new password signs out the others, and says what is wrong with it or with the old one", async () => {
  const { email, token } = await someone();
  const context = await profile(browser);
  const page = await signIn(context, email, "password");
  const change = async (current, next) => {
    await page.fill("#current_password", current);
    await page.fill("#new_password", next);
    await page.click("main >> text=Change password");
  };
  await change("not the password at all", "nine violet kites at noon");
  await page.waitForSelector("#current_password[aria-invalid=true]");
  await change(PASSWORD, "too short");
  await page.waitForSelector("#new_password[aria-invalid=true]");
  await look(page, "password-weak");
  await change(PASSWORD, "nine violet kites at noon");
  await page.waitForSelector("text=Your password has been changed.");
  assert.equal((await call("/users/me", undefined, token, "GET")).error.code, "SESSION_REVOKED");
  assert.equal((await call("/auth/login", { email, password: "nine violet kites at noon" })).status, 200);
  await show(page, "profile");
  assert.equal(await page.inputValue("#full_name"), "Grace Hopper");
  await context.close();
});

test("an export asks for the password only when the sign-in is old, and survives a reload", async () => {
  const { email } = await someone();
  const context = await profile(browser);
  const page = await signIn(context, email, "data");
  await settled(page);
  await page.route("**/users/me/export", refusal(403, "REAUTHENTICATION_REQUIRED", "req_1"));
  await page.click("text=Request my data");
  await page.waitForSelector("#step_up_password");
  await look(page, "step-up");
  await page.fill("#step_up_password", "not the password at all");
  await page.click("dialog[open] .primary");
  await page.waitForSelector("dialog[open] [role=alert]");
  await look(page, "step-up-wrong");
  await page.unroute("**/users/me/export");
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
  await page.waitForSelector("text=Would you like your data first?");
  await page.fill("#confirm_email", "somebody@else.example");
  await page.click("dialog[open] .danger");
  await page.waitForSelector("#confirm_email[aria-invalid=true]");
  await page.fill("#confirm_email", email);
  await page.click("dialog[open] .danger");
  await page.waitForSelector("text=Your account is deleted");
  assert.match(await page.textContent("latchkey-settings [role=status]"), /erased permanently on \d+ \w+ 20\d\d/);
  await look(page, "deleted");
  await page.reload();
  await page.waitForSelector("#login");
  await page.fill("#login", email);
  await page.fill("#password", PASSWORD);
  await page.click("button.go");
  await page.waitForSelector("text=This account has been deleted.");
  await context.close();
});
