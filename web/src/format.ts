/** Formats times, sizes, languages and places for the reader's locale with `Intl`. */

const SPANS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["minute", 60],
  ["hour", 3600],
  ["day", 86400],
  ["week", 604800],
  ["month", 2629800],
  ["year", 31557600],
];

/** The last activity is stored at most once in five minutes by default, so anything newer than this is "now". */
const NOW_SECONDS = 360;

export class Format {
  private readonly relative: Intl.RelativeTimeFormat;
  private readonly exactly: Intl.DateTimeFormat;
  private readonly day: Intl.DateTimeFormat;
  private readonly names: Intl.DisplayNames;
  private readonly countries: Intl.DisplayNames;

  constructor(readonly locale: string) {
    this.relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
    this.exactly = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short" });
    this.day = new Intl.DateTimeFormat(locale, { dateStyle: "long" });
    this.names = new Intl.DisplayNames(locale, { type: "language" });
    this.countries = new Intl.DisplayNames(locale, { type: "region" });
  }

  isNow(iso: string): boolean {
    return Date.now() - Date.parse(iso) < NOW_SECONDS * 1000;
  }

  ago(iso: string): string {
    const seconds = (Date.parse(iso) - Date.now()) / 1000;
    if (seconds > -60) return this.relative.format(0, "second");
    let [unit, length] = SPANS[0]!;
    for (const span of SPANS) if (Math.abs(seconds) >= span[1]) [unit, length] = span;
    return this.relative.format(Math.round(seconds / length), unit);
  }

  inTime(seconds: number): string {
    return seconds < 90 ? this.relative.format(Math.ceil(seconds), "second") : this.relative.format(Math.ceil(seconds / 60), "minute");
  }

  /** "Leeds, GB" as "Leeds, United Kingdom". */
  place(stored: string): string {
    return stored.replace(/\b[A-Z]{2}$/, (code) => this.countries.of(code) ?? code);
  }

  exact(iso: string): string {
    return this.exactly.format(new Date(iso));
  }

  date(iso: string): string {
    return this.day.format(new Date(iso));
  }

  language(tag: string): string {
    try {
      const name = this.names.of(tag) ?? tag;
      return name.charAt(0).toLocaleUpperCase(this.locale) + name.slice(1);
    } catch {
      return tag;
    }
  }

  size(bytes: number): string {
    const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
    let power = 0;
    while (bytes >= 1000 && power < units.length - 1) {
      bytes /= 1000;
      power += 1;
    }
    return new Intl.NumberFormat(this.locale, {
      style: "unit",
      unit: units[power]!,
      unitDisplay: power ? "short" : "long",
      maximumFractionDigits: bytes < 10 && power ? 1 : 0,
    }).format(bytes);
  }

  /** The choices of a language list, in the order of the reader's alphabet. */
  languages(kept: (string | null)[]): { tag: string; name: string }[] {
    const tags = new Set([...OFFERED, ...kept.filter((tag): tag is string => tag !== null)]);
    const order = new Intl.Collator(this.locale);
    return [...tags]
      .map((tag) => ({ tag, name: this.language(tag) }))
      .sort((a, b) => order.compare(a.name, b.name));
  }
}

const OFFERED =
  "ar bg bn ca cs da de el en es et fa fi fil fr ga gu he hi hr hu id is it ja ka kn ko lt lv mk ml mr ms mt nb nl pa pl pt pt-BR ro ru sk sl sq sr sv sw ta te th tr uk ur vi yue zh-Hans zh-Hant".split(" ");
