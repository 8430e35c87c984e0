// Instants as people of the region write them: 2026-11-23 08:12, whatever zone the machine is set to.
let zone = "Asia/Shanghai";
const formats = { minute: maker(true), day: maker(false) };

/** Says which zone the region keeps; the platform tells it when a page begins. */
export function keepZone(kept: string): void {
  zone = kept;
  formats.minute = maker(true);
  formats.day = maker(false);
}

/** 2026-11-23 08:12, of an instant; what is a date only stays one; empty where there is none. */
export function minuteOf(instant: string | number | Date | undefined): string {
  return shown(instant, formats.minute);
}

/** 2026-11-23, of an instant or a date. */
export function dayOf(instant: string | number | Date | undefined): string {
  return shown(instant, formats.day);
}

function shown(instant: string | number | Date | undefined, format: Intl.DateTimeFormat): string {
  if (instant === undefined || instant === "") return "";
  if (typeof instant === "string" && /^\d{4}(-\d\d){0,2}$/.test(instant)) return instant;
  const moment = new Date(instant);
  return Number.isNaN(moment.getTime()) ? String(instant) : format.format(moment).replace(",", "");
}

/** An instant as a field of local time has it: 2026-11-23T08:12. */
export function localOf(instant: string | undefined): string {
  return minuteOf(instant).replace(" ", "T");
}

/** A local time of the region as an instant: 2026-11-23T08:12:00+08:00. */
export function instantOf(local: string): string {
  const named = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(new Date(`${local}Z`));
  const offset = named.find((one) => one.type === "timeZoneName")?.value.replace("GMT", "") || "+00:00";
  return `${local.length === 16 ? `${local}:00` : local}${offset}`;
}

function maker(minutes: boolean): Intl.DateTimeFormat {
  // The Swedish way of writing is that of ISO 8601.
  const day = { year: "numeric", month: "2-digit", day: "2-digit", timeZone: zone } as const;
  return new Intl.DateTimeFormat("sv-SE", minutes ? { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" } : day);
}
