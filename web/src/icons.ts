import { svg, html, type TemplateResult } from "lit";

function icon(paths: unknown, size = 20): TemplateResult {
  return html`<svg width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${paths}</svg>`;
}

export const person = icon(svg`<circle cx="12" cy="8" r="4"/><path d="M4 20.5c1.3-3.6 4.3-5.5 8-5.5s6.700 1.900 8 5.500"/>`);
export const sliders = icon(svg`<path d="M4 7h9M19 7h1M4 17h1M11 17h9"/><circle cx="16" cy="7" r="2.500"/><circle cx="8" cy="17" r="2.500"/>`);
export const screens = icon(svg`<path d="M13 18H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1h14a1 1 0 0 1 1 1v2"/><rect x="15" y="11" width="6" height="10" rx="1.500"/>`);
export const clock = icon(svg`<circle cx="12" cy="12" r="8.500"/><path d="M12 7.500V12l3 2"/>`);
export const key = icon(svg`<circle cx="8" cy="15" r="4.500"/><path d="m11.300 11.700 8.200-8.200M16 7l3 3"/>`);
export const archive = icon(svg`<path d="M12 4v10m0 0 4-4m-4 4-4-4M4 17v2a1.500 1.500 0 0 0 1.500 1.500h13A1.500 1.500 0 0 0 20 19v-2"/>`);

const laptop = icon(svg`<rect x="5" y="5" width="14" height="10" rx="1.500"/><path d="M2.500 19h19"/>`, 22);
const phone = icon(svg`<rect x="7" y="3" width="10" height="18" rx="2"/><path d="M11 18h2"/>`, 22);
const tablet = icon(svg`<rect x="4.500" y="3" width="15" height="18" rx="2"/><path d="M11 18h2"/>`, 22);
const other = icon(svg`<circle cx="12" cy="12" r="8.500"/><path d="M3.500 12h17M12 3.500c5 5 5 12 0 17M12 3.500c-5 5-5 12 0 17"/>`, 22);

const BY_TYPE: Record<string, TemplateResult> = { desktop: laptop, pc: laptop, mobile: phone, phone, tablet };

export function deviceIcon(type: string): TemplateResult {
  return BY_TYPE[type] ?? other;
}
