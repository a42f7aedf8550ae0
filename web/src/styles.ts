import { css } from "lit";

/** Themed from outside by the custom properties named here, and by ::part. */
export const styles = css`
  :host {
    --_bg: var(--latchkey-surface, light-dark(#ffffff, #171a21));
    --_sunken: var(--latchkey-sunken, light-dark(#f4f5f8, #1f232c));
    --_text: var(--latchkey-text, light-dark(#161a23, #eceef3));
    --_muted: var(--latchkey-muted, light-dark(#586072, #a5adbd));
    --_line: var(--latchkey-line, light-dark(#e4e7ed, #2b303b));
    --_edge: var(--latchkey-edge, light-dark(#8a92a3, #697184));
    --_accent: var(--latchkey-accent, light-dark(#3346c7, #aab6ff));
    --_on-accent: var(--latchkey-on-accent, light-dark(#ffffff, #12173a));
    --_tint: var(--latchkey-tint, light-dark(#eceefc, #262c49));
    --_danger: var(--latchkey-danger, light-dark(#b3261e, #ffa198));
    --_danger-tint: var(--latchkey-danger-tint, light-dark(#fdf0ee, #3a2021));
    --_ok: var(--latchkey-ok, light-dark(#0f6b45, #7fdcb0));
    --_ok-tint: var(--latchkey-ok-tint, light-dark(#e8f6ef, #17332a));
    --_radius: var(--latchkey-radius, 14px);
    --_font: var(--latchkey-font, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif);
    display: block;
    container-type: inline-size;
    color: var(--_text);
    font: 400 1rem/1.55 var(--_font);
    text-align: start;
  }
  *, ::before, ::after { box-sizing: border-box; }
  [hidden] { display: none !important; }
  h2, h3, p, dl, dd, ul, ol { margin: 0; padding: 0; }
  ul, ol { list-style: none; }
  h2 { font-size: 1.5rem; font-weight: 650; letter-spacing: -0.018em; line-height: 1.25; outline: none; }
  h3 { font-size: 1.0625rem; font-weight: 620; letter-spacing: -0.008em; line-height: 1.35; }
  .muted { color: var(--_muted); }
  .small { font-size: 0.875rem; line-height: 1.5; }
  .mono { font: 0.8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
  .visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  :focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; }

  /* --- frame --- */
  .frame { display: grid; gap: 1.25rem; }
  .anywhere { overflow-wrap: anywhere; min-width: 0; }
  nav { position: relative; min-width: 0; margin-inline: -1rem; overflow-x: auto; scrollbar-width: none; }
  nav ul { display: flex; gap: 0.25rem; padding: 4px 1rem; width: max-content; }
  nav button {
    display: flex; align-items: center; gap: 0.7rem; width: 100%; min-height: 44px; padding: 0.5rem 0.85rem;
    border: 0; border-radius: 10px; background: none; color: var(--_muted); font: 500 0.9375rem/1.3 var(--_font);
    text-align: start; white-space: nowrap; cursor: pointer;
  }
  nav button:hover { background: var(--_sunken); color: var(--_text); }
  nav button[aria-current] { background: var(--_tint); color: var(--_accent); font-weight: 600; }
  nav svg { display: none; }
  .content { min-width: 0; display: grid; gap: 1.25rem; align-content: start; }
  .heading { display: grid; gap: 0.35rem; margin-block-end: 0.25rem; }
  @container (min-width: 46rem) {
    .frame { grid-template-columns: 13.5rem minmax(0, 1fr); gap: 3rem; }
    nav { margin: 0; overflow: visible; align-self: start; position: sticky; top: 1.5rem; }
    nav ul { display: grid; width: auto; padding: 0; }
    nav svg { display: block; flex: none; }
    .content { gap: 1.5rem; }
  }

  /* --- cards --- */
  .card { background: var(--_bg); border: 1px solid var(--_line); border-radius: var(--_radius); padding: 1.25rem; display: grid; gap: 1.25rem; min-width: 0; }
  fieldset.card { margin: 0; min-width: 0; }
  .card > header { display: grid; gap: 0.25rem; }
  .card.flush { padding: 0; gap: 0; overflow: clip; }
  .card.danger { border-color: color-mix(in srgb, var(--_danger) 35%, var(--_line)); }
  .row { display: flex; flex-wrap: wrap; gap: 0.75rem; align-items: center; }
  .grow { flex: 1; }
  .row.tight { gap: 0.35rem 0.75rem; }
  .row.end { justify-content: flex-end; }
  .row.apart { justify-content: space-between; }
  .row.tight > .button { flex: 1 1 auto; }
  @container (min-width: 34rem) { .card:not(.flush) { padding: 1.75rem; } }

  /* --- controls --- */
  .button {
    display: inline-flex; align-items: center; justify-content: center; gap: 0.5rem; min-height: 44px; padding: 0.5rem 1.05rem;
    border: 1px solid var(--_edge); border-radius: 10px; background: var(--_bg); color: var(--_text);
    font: 550 0.9375rem/1.25 var(--_font); text-align: center; text-decoration: none; cursor: pointer;
    transition: background-color 120ms, border-color 120ms;
  }
  .button:hover { background: var(--_sunken); }
  .button.primary { background: var(--_accent); border-color: var(--_accent); color: var(--_on-accent); }
  .button.primary:hover { background: color-mix(in srgb, var(--_accent) 88%, var(--_text)); }
  .button.danger { color: var(--_danger); border-color: color-mix(in srgb, var(--_danger) 55%, var(--_line)); }
  .button.danger:hover { background: var(--_danger-tint); }
  .button.danger.solid { background: var(--_danger); border-color: var(--_danger); color: light-dark(#fff, #3a0d09); }
  .button.danger.solid:hover { background: color-mix(in srgb, var(--_danger) 88%, var(--_text)); }
  .button.quiet { border-color: transparent; background: none; color: var(--_muted); padding-inline: 0.7rem; }
  .button.quiet:hover { background: var(--_sunken); color: var(--_text); }
  .button[aria-expanded]::after { content: ""; width: 0.4em; height: 0.4em; margin-block-end: 0.2em; border: solid; border-width: 0 2px 2px 0; transform: rotate(45deg); }
  .button[aria-expanded="true"]::after { margin-block: 0.2em 0; transform: rotate(225deg); }
  .button[aria-disabled="true"] { opacity: 0.6; cursor: default; }
  label, .label { font-size: 0.9375rem; font-weight: 550; }
  label .muted { font-weight: 400; }
  .field { display: grid; gap: 0.4rem; align-content: start; min-width: 0; }
  .fields { display: grid; gap: 1.25rem; }
  @container (min-width: 34rem) { .fields.two { grid-template-columns: 1fr 1fr; } .wide { grid-column: 1 / -1; } }
  input:not([type="radio"], [type="checkbox"], [type="file"], [type="range"]), select, textarea {
    width: 100%; min-height: 44px; padding: 0.55rem 0.8rem; border: 1px solid var(--_edge); border-radius: 10px;
    background: var(--_bg); color: var(--_text); font: inherit; font-size: 1rem;
  }
  input[type="range"] { width: 100%; min-height: 44px; margin: 0; border-radius: 10px; accent-color: var(--_accent); }
  select { appearance: none; padding-inline-end: 2.4rem; background-repeat: no-repeat;
    background-image: linear-gradient(45deg, transparent 50%, var(--_muted) 50%), linear-gradient(-45deg, transparent 50%, var(--_muted) 50%);
    background-size: 6px 6px; background-position: right 21px center, right 15px center; }
  textarea { min-height: 6rem; resize: vertical; }
  input:focus-visible, select:focus-visible, textarea:focus-visible { outline-offset: 0; border-color: var(--_accent); }
  [aria-invalid="true"] { border-color: var(--_danger) !important; }
  .problem { color: var(--_danger); font-size: 0.875rem; }
  .secret { position: relative; }
  .secret input { padding-inline-end: 5.6rem !important; }
  .secret button { position: absolute; inset-block: 3px; inset-inline-end: 3px; min-height: 38px; padding: 0 0.7rem; font-size: 0.875rem; }
  .switch { display: flex; gap: 1.25rem; justify-content: space-between; align-items: center; min-height: 44px; cursor: pointer; }
  .switch span { display: grid; }
  .switch input { appearance: none; flex: none; width: 46px; height: 28px; margin: 0; border-radius: 99px; border: 1px solid var(--_edge); background: var(--_sunken); position: relative; cursor: pointer; transition: background-color 140ms; }
  .switch input::after { content: ""; position: absolute; inset-block-start: 4px; inset-inline-start: 4px; width: 18px; height: 18px; border-radius: 50%; background: var(--_edge); transition: transform 140ms; }
  .switch input:checked { background: var(--_accent); border-color: var(--_accent); }
  .switch input:checked::after { transform: translateX(18px); background: var(--_on-accent); }
  .choices { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: 4px; padding: 4px; border-radius: 12px; background: var(--_sunken); border: 0; margin: 0; }
  .choices label { position: relative; display: grid; place-items: center; min-height: 40px; padding: 0.3rem 0.6rem; border-radius: 9px; cursor: pointer; text-align: center; color: var(--_muted); }
  .choices input { position: absolute; inset: 0; margin: 0; opacity: 0; cursor: pointer; }
  .choices label:has(:checked) { background: var(--_bg); color: var(--_text); box-shadow: 0 1px 3px rgb(0 0 0 / 0.16); }
  .choices label:has(:focus-visible) { outline: 3px solid var(--_accent); outline-offset: 1px; }

  /* --- pieces --- */
  .badge { display: inline-flex; align-items: center; gap: 0.35rem; padding: 0.1rem 0.6rem; border-radius: 99px; background: var(--_tint); color: var(--_accent); font-size: 0.8125rem; font-weight: 600; line-height: 1.6; white-space: nowrap; }
  .badge.ok { background: var(--_ok-tint); color: var(--_ok); }
  .badge.plain { background: var(--_sunken); color: var(--_muted); }
  .badge.bad { background: var(--_danger-tint); color: var(--_danger); }
  .dot { display: inline-block; width: 8px; height: 8px; border-radius: 50%; background: var(--_ok); margin-inline-end: 0.4rem; }
  .notice { display: flex; flex-wrap: wrap; gap: 0.75rem 1rem; align-items: center; justify-content: space-between; padding: 1rem 1.25rem; border-radius: var(--_radius); background: var(--_sunken); }
  .notice.bad { background: var(--_danger-tint); }
  .notice.ok { background: var(--_ok-tint); color: var(--_ok); }
  .notice > div { display: grid; gap: 0.15rem; min-width: 0; flex: 1 1 16rem; }
  .notice strong { font-weight: 620; }
  .notice.bad strong { color: var(--_danger); }
  .avatar { width: 84px; height: 84px; flex: none; border-radius: 50%; object-fit: cover; background: var(--_tint); color: var(--_accent); display: grid; place-items: center; font-size: 1.75rem; font-weight: 600; letter-spacing: 0.01em; }
  .preview { display: block; width: min(256px, 100%); aspect-ratio: 1; border-radius: 50%; margin-inline: auto; background: var(--_sunken); box-shadow: 0 0 0 1px var(--_line); }
  progress { appearance: none; width: 100%; height: 8px; border: 0; border-radius: 99px; overflow: hidden; background: var(--_line); }
  progress::-webkit-progress-bar { background: var(--_line); }
  progress::-webkit-progress-value { background: var(--_accent); border-radius: 99px; transition: inline-size 300ms; }
  progress::-moz-progress-bar { background: var(--_accent); border-radius: 99px; }

  /* --- devices --- */
  .list > li { padding: 1.1rem 1.25rem; display: grid; gap: 0.9rem; }
  .list > li + li { border-block-start: 1px solid var(--_line); }
  .list > li:focus { outline: none; }
  @container (min-width: 34rem) { .list > li { padding: 1.25rem 1.75rem; } }
  .device { display: grid; grid-template-columns: 44px minmax(0, 1fr); gap: 0.25rem 1rem; align-items: center; }
  .device > .glyph { grid-row: span 2; align-self: start; width: 44px; height: 44px; border-radius: 12px; display: grid; place-items: center; background: var(--_sunken); color: var(--_muted); }
  .device.current > .glyph { background: var(--_tint); color: var(--_accent); }
  /* Facts with a dot between those that share a line. */
  .meta { display: flex; flex-wrap: wrap; margin-inline-start: -1.25em; clip-path: inset(0 0 0 1.25em); }
  .meta > span::before { content: "·"; display: inline-block; width: 1.25em; text-align: center; }
  summary { cursor: pointer; padding-block: 0.35rem; border-radius: 6px; width: fit-content; }
  details > .steps { margin-block-start: 0.9rem; }
  .device .name { display: flex; flex-wrap: wrap; gap: 0.15rem 0.6rem; align-items: center; font-weight: 600; overflow-wrap: anywhere; }
  .name > span, dd, .anywhere { unicode-bidi: isolate; }
  .notice, .problem, .list > li { overflow-wrap: anywhere; }
  .device .actions { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 0.25rem 0.5rem; margin-block-start: 0.5rem; }
  .device .actions .button:not(.quiet) { flex: 1 1 8rem; }
  @container (min-width: 34rem) {
    .device { grid-template-columns: 44px minmax(0, 1fr) auto; }
    .device .actions { grid-column: 3; grid-row: 1 / span 2; margin: 0; align-self: center; flex-wrap: nowrap; }
    .device .actions .button:not(.quiet) { flex: none; }
    .facts, .renaming { margin-inline-start: 60px; }
  }
  .facts { display: grid; gap: 0.7rem 1.5rem; padding: 1rem 1.15rem; border-radius: 12px; background: var(--_sunken); }
  .facts dt { color: var(--_muted); font-size: 0.8125rem; }
  .facts dd { font-size: 0.9375rem; overflow-wrap: anywhere; }
  @container (min-width: 34rem) { .facts { grid-template-columns: 1fr 1fr; } .facts .wide { grid-column: 1 / -1; } }
  .leaving { opacity: 0.5; }
  .steps { display: grid; gap: 0.9rem; }
  .steps li { display: grid; gap: 0.1rem; padding-inline-start: 1.1rem; border-inline-start: 3px solid var(--_line); }

  /* --- the skeleton: bars in place of text, with the height of the loaded view --- */
  .skeleton :is(h3, p, label, span, time) { color: transparent; text-decoration: line-through 0.75em var(--_line); text-decoration-skip-ink: none; }
  .skeleton :is(.button, .badge, .avatar, input, select, textarea), .skeleton .device > .glyph {
    color: transparent; background: var(--_line); border-color: transparent; text-decoration: none;
  }
  .skeleton .dot { display: none; }
  .skeleton .meta > span::before { visibility: hidden; }
  @media (prefers-reduced-motion: no-preference) {
    .skeleton { animation: breathe 1.6s ease-in-out infinite alternate; }
    dialog[open] { animation: rise 160ms ease-out; }
  }
  @media (prefers-reduced-motion: reduce) { *, ::before, ::after, ::-webkit-progress-value { transition: none !important; animation: none !important; } }
  @keyframes breathe { from { opacity: 1; } to { opacity: 0.45; } }
  @keyframes rise { from { opacity: 0; transform: translateY(8px); } }

  /* --- dialogs --- */
  dialog {
    width: min(29rem, calc(100vw - 2rem)); max-height: calc(100dvh - 2rem); overflow-y: auto; padding: 0; border: 1px solid var(--_line);
    border-radius: calc(var(--_radius) + 4px); background: var(--_bg); color: var(--_text); box-shadow: 0 24px 64px rgb(0 0 0 / 0.28);
  }
  dialog::backdrop { background: rgb(12 15 24 / 0.5); }
  dialog form { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.1rem; overflow-wrap: anywhere; padding: 1.5rem; }
  dialog h3 { font-size: 1.1875rem; }
  dialog .row.end { margin-block-start: 0.4rem; }
  @media (max-width: 30rem) { dialog .row.end { flex-direction: column-reverse; align-items: stretch; } }
  .ended { max-width: 30rem; margin-inline: auto; text-align: center; padding: 3rem 1.5rem !important; justify-items: center; }
  @media (forced-colors: active) { .badge, .choices label:has(:checked), nav button[aria-current] { border: 1px solid; } .dot { background: CanvasText; } }
`;
